"""Runs over series that are kept as traded: later actions change nothing of them, and a split is no false label."""

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from instruments.imports.actions import basis_set
from instruments.imports.services import bars_write
from instruments.models import Basis, Instrument, Series, Universe
from instruments.quant.bars import Bars
from predictions.candle.ask import ask
from tests.instruments.actions import day_of, dividend, split, split_at, store_as_traded
from tests.instruments.bars import empty
from tests.training.carrying import carried
from tests.training.quant.noise import noise_bars
from tests.training.universe import SYMBOLS, carried_universe
from training.models import TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BARS = noise_bars(700, seed=5)
CANDLE = 520  # the run's; its test window are the 35 from there on
SPLITS = {200: 2.0, 530: 4.0}  # before, and inside the test window


def stored(symbol: str = "SPY", bars: Bars = BARS, splits: dict[int, float] | None = None) -> Series:
    return store_as_traded(empty(symbol, "1d"), split_at(bars, splits or {}), splits)


def body(**more: Any) -> dict[str, Any]:
    return {"symbol": "SPY", "candle_date": day_of(BARS, CANDLE), "train_years": 1, "confirm": False, **more}


def verified(run: TrainingRun) -> dict[str, Any]:
    out = io.StringIO()
    call_command("verify_run", run.run_id, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.mark.parametrize("features", ["scale_free", "poc16"])
def test_a_candle_run_stays_bit_identical_when_actions_come_later(features: str) -> None:
    series = stored(splits=SPLITS)
    dividend(series, day_of(BARS, 480), 1.25)
    protocol = {"protocol": "poc"} if features == "poc16" else {}
    run = carried(body(**protocol))
    dividend(series, day_of(BARS, 600), 0.8)
    split(series, day_of(BARS, 640), 10.0)
    answer = verified(run)
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == []


def test_an_action_inside_its_bars_that_comes_later_is_named_as_other_data() -> None:
    series = stored(splits=SPLITS)
    run = carried(body())
    dividend(series, day_of(BARS, 400), 5.0)
    with pytest.raises(CommandError, match="since this run the data changed"):
        verified(run)


def test_a_split_in_the_test_window_is_no_false_label() -> None:
    series = stored(splits=SPLITS)
    clean = carried(body(symbol=stored("CLEAN").instrument.symbol))
    run = carried(body())
    for name in ("data_hash", "model_hash", "test_metrics"):  # halves and quarters are exact: the same bits
        assert run.result[name] == clean.result[name]
    for name in ("test_rows", "performance"):
        assert run.detail[name] == clean.detail[name]
    answer = ask(run=run, series=None, start=None, end=None)
    assert np.array_equal(answer.up, ask(run=clean, series=None, start=None, end=None).up, equal_nan=True)
    basis_set(series=series, basis=Basis.VENDOR, user=None)  # its closes are adjusted by nobody: a fall by 75 %
    fallen = ask(run=run, series=Series.objects.get(pk=series.pk), start=None, end=None)
    assert not np.array_equal(fallen.bars.close, answer.bars.close)


def few_as_traded() -> dict[str, Series]:
    """A universe whose first two members have had splits and dividends."""
    universe, members = Universe.objects.create(name="few"), {}
    for number, symbol in enumerate(SYMBOLS):
        splits = {150: 3.0, 380: 2.0} if number == 0 else {200: 0.2} if number == 1 else {}
        members[symbol] = stored(symbol, noise_bars(420, seed=sum(map(ord, symbol))), splits)
        universe.instruments.add(Instrument.objects.get(symbol=symbol))
    dividend(members["AAA"], day_of(BARS, 300), 1.0)
    return members


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_a_universe_run_stays_bit_identical_when_actions_come_later(recipe: str) -> None:
    members = few_as_traded()
    options = {"as_of": day_of(BARS, 400)}
    run = carried_universe(recipe=recipe, **options) if recipe == "phase22" else carried_universe(**options)
    dividend(members["AAA"], day_of(BARS, 405), 2.0)
    split(members["BBB"], day_of(BARS, 410), 5.0)
    split(members["CCC"], "2031-01-02", 5.0)
    answer = verified(run)
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == [], answer


def test_a_universe_with_splits_gives_what_the_same_market_without_gives() -> None:
    members = few_as_traded()
    run = carried_universe()
    for symbol in ("AAA", "BBB"):
        bars = noise_bars(420, seed=sum(map(ord, symbol)))
        members[symbol].actions.all().delete()
        basis_set(series=members[symbol], basis=Basis.VENDOR, user=None)
        bars_write(series=members[symbol], bars=bars, source="made up")
    dividend(members["AAA"], day_of(BARS, 300), 1.0)  # of a series that its source adjusts: it changes nothing
    clean = carried_universe()
    assert run.result["borders"] == clean.result["borders"]
    test, of_clean = run.result["metrics"]["test"], clean.result["metrics"]["test"]
    assert test["base_rate_buy"] == pytest.approx(of_clean["base_rate_buy"], abs=0.02)

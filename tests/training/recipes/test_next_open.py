"""Decisions at the next open: its features know that open, its label and its trade begin there."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from instruments.models import PriceBar
from instruments.quant.bars import Bars
from predictions.candle.compare import compare
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from tests.training.quant.candle.test_train import DECISION, spec_at
from tests.training.quant.noise import noise_bars
from training.artifacts.storage import artifact_storage
from training.models import TrainingRun
from training.quant.candle.noise_control import control_candle
from training.quant.candle.outcomes import candle_label, follow
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import CandleSpec, SpecError
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.stats.backtest import simulate
from training.recipes.verification.execute import verification

BODY: dict[str, Any] = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "confirm": False}
AT_OPEN: dict[str, Any] = {"decision": "next_open", "features": ["shape", "returns", "raw_o_next"]}


def spec_of(bars: Bars, decision: str = "next_open") -> CandleSpec:
    return replace(spec_at(bars, feature_set="shape+raw_o_next", test_window_size=90), decision=decision)


def train(bars: Bars, decision: str = "next_open") -> CandleOutcome:
    return train_candle(
        bars,
        decision=DECISION,
        spec=spec_of(bars, decision),
        on_stage=lambda *_: None,
        on_round=lambda *_: None,
    )


def test_its_label_is_the_way_from_the_next_open_to_the_next_close() -> None:
    bars = noise_bars(50)
    bars.close[10] = bars.open[10]
    labels = candle_label(bars, CandleSpec(candle="", symbol="", decision="next_open"))
    up = (bars.close > bars.open)[1:].astype(float)
    assert np.array_equal(np.delete(labels[:-1], 9), np.delete(up, 9))
    assert np.isnan(labels[[9, -1]]).all()


def test_it_earns_the_day_and_pays_twice() -> None:
    bars = noise_bars(30)
    signals = (np.arange(29) % 3 == 0).astype(float)
    performance = follow(signals, bars, decision="next_open", bars_a_year=252)
    by_hand = [s * (bars.close[t + 1] / bars.open[t + 1] - 1 - 2 * 5e-4) for t, s in enumerate(signals)]
    np.testing.assert_allclose(performance.returns, by_hand, rtol=1e-12)
    assert performance.turnover == pytest.approx(2 * signals.mean())
    held = follow(signals, bars, decision="close", bars_a_year=252)
    weights, prices = signals[:, None], {"open_": bars.open[:, None], "close": bars.close[:, None]}
    assert np.array_equal(held.returns, simulate(weights=weights, **prices, cost_bp=5, bars_a_year=252).returns)


def nights_and_days(seed: int) -> Bars:
    """Noise of which the way from open to close knows nothing of the night before."""
    steps = np.random.default_rng(seed).normal(scale=[[0.01, 0.01]], size=(1000, 2))
    prices = 50 * np.exp(np.cumsum(steps).reshape(1000, 2))
    open_, close = prices.T.copy()
    high, low = prices.max(axis=1) * 1.001, prices.min(axis=1) * 0.999
    return replace(noise_bars(1000, seed=seed), open=open_, high=high, low=low, close=close, adj_close=close)


def test_it_finds_nothing_in_noise_where_the_naive_use_would() -> None:
    aucs: dict[str, list[float]] = {"next_open": [], "close": []}
    for seed in range(6):
        for decision, found in aucs.items():
            test = train(nights_and_days(seed), decision).test
            assert test is not None and test.auc is not None
            found.append(test.auc)
    assert abs(np.mean(aucs["next_open"]) - 0.5) < 0.06
    assert np.mean(aucs["close"]) > 0.65


def test_its_model_is_the_same_whatever_comes_after_the_decision() -> None:
    bars, other = noise_bars(1000, seed=1), noise_bars(1000, seed=2)
    changed = type(bars)(*(np.concatenate([getattr(bars, c)[:901], getattr(other, c)[901:]]) for c in vars(bars)))
    assert train(bars).final.text() == train(changed).final.text()


@pytest.mark.parametrize(("change", "field"), [
    ({"features": ["shape", "raw_o_next"]}, "features"),
    ({"features": ["raw_o_next"], "decision": "close"}, "features"),
    ({"decision": "next_open"}, "decision"),
    ({"decision": "next_open", "features": ["shape"]}, "decision"),
    ({"decision": "next_open", "protocol": "steady"}, "decision"),
    ({"decision": "noon", "features": ["raw_o_next"]}, "decision"),
    ({"decision": True}, "decision"),
])  # fmt: skip
def test_it_refuses_one_without_the_other(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_candle_spec({**BODY, **change})
    assert set(refused.value.errors) == {field}


def test_only_another_decision_is_another_configuration() -> None:
    spec = parse_candle_spec({**BODY, **AT_OPEN})
    assert parse_candle_spec({**BODY, "decision": "close"}).params_hash() == parse_candle_spec(BODY).params_hash()
    assert spec.params_hash() != replace(spec, decision="close").params_hash()


@pytest.fixture
def run(alice: User) -> TrainingRun:
    make_series()
    return carried({**BODY, **AT_OPEN}, user=alice)


@pytest.mark.django_db
@pytest.mark.db_both
def test_it_predicts_each_candle_but_the_newest(
    run: TrainingRun, alice: User, api: ApiOf, browser_of: BrowserOf
) -> None:
    last = PriceBar.objects.count() - 1
    address = f"/api/poc-predictions/{run.run_id}"
    rows = api(alice).post(address, {}).json()["predictions"]
    assert rows[-1]["timestamp"] == candle(last - 1) and rows[-1]["target"] == candle(last)
    some = api(alice).post(f"{address}?start_date={candle(400)[:10]}&end_date={candle(420)[:10]}").json()["predictions"]
    by_time = {row["timestamp"]: row["probability"] for row in rows}
    assert some[-1]["timestamp"] == candle(420)
    assert {row["timestamp"]: by_time[row["timestamp"]] for row in some} == {
        row["timestamp"]: row["probability"] for row in some
    }
    columns = api(alice).get(f"{address}/columns").json()
    assert columns["decision"] == "next_open" and len(columns["epoch"]) == len(rows) and columns["up"][-1] is not None
    bars = {f"{bar.timestamp:%Y-%m-%dT%H:%M:%SZ}": bar for bar in PriceBar.objects.all()}
    for row in run.detail["test_rows"]:
        assert row["outcome"] == int(bars[row["target"]].close > bars[row["target"]].open)
    assert "decides at the next candle's open" in browser_of(alice).get(f"/predictions/records/{run.run_id}").text


@pytest.mark.django_db
def test_its_page_card_and_files_say_so_and_it_is_proved(run: TrainingRun, alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    page, card = (
        browser.get(f"{address}/").text for address in (f"/runs/{run.run_id}", f"/models/candle-{run.run_id}")
    )
    assert "at the next open" in page and "sold at its close" in page
    assert card.count("the next candle closes above its open") == 2
    with artifact_storage().open(f"{run.model_version.folder}/manifest.json") as file:
        assert json.load(file)["decision"] == "next_open"
    repeated = verification(run, lambda *_: None)
    assert repeated["identical"] and repeated["truncation_identical"]
    confirmed = carried({**BODY, **AT_OPEN, "candle_date": candle(550), "train_years": 1, "confirm": True})
    confirmation = carry(confirmed.jobs.get(kind="confirmation"))
    assert confirmation.result["evidence"]["windows"] > 3
    close = carried(BODY, user=alice)
    assert "don't predict the same" in compare([run, close]).why_not


def test_its_noise_control_rotates_its_own_labels() -> None:
    bars = noise_bars(1000)
    control = control_candle(bars, decision=DECISION, spec=spec_of(bars), on_draw=lambda *_: None)
    assert control is not None and len(control.rotated) == 30


@pytest.mark.django_db
def test_form_and_command_take_it(alice: User, browser_of: BrowserOf, capsys: pytest.CaptureFixture[str]) -> None:
    make_series()
    sent = {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(500), "train_years": "1.5",
            "learning_rate": "0.1", "test_window_size": "30", "num_leaves": "15", "max_depth": "3",
            "min_child_samples": "20", "feature_set": "chosen", "features": ["shape", "raw_o_next"]}  # fmt: skip
    browser = browser_of(alice)
    refused = browser.post("/training/new/", sent)
    assert refused.status_code == 400 and "is not known at the close" in refused.text
    assert browser.post("/training/new/", {**sent, "decision": "next_open"}).status_code == 302
    assert TrainingRun.objects.get().config["decision"] == "next_open"
    call_command("train_poc", "--selected-candle-date", candle(500), "--symbol", "SPY", "--features", "shape",
                 "raw_o_next", "--decision", "next_open", "--train-years", "1.5", "--no-confirm", "--json")  # fmt: skip
    assert json.loads(capsys.readouterr().out)["config"]["decision"] == "next_open"

"""Folds of a run's training rows: purged, as the run itself is fitted, and no part of its configuration."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import log_loss, roc_auc_score

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from tests.training.quant.candle.test_train import spec_at
from tests.training.quant.noise import noise_bars
from training.quant.candle.folds import FoldReport, fold_report
from training.quant.candle.plan import plan_candle
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import CandleSpec, SpecError
from training.quant.candle.split import fold_splits
from training.quant.candle.train import fit_candle
from training.quant.labels import up_label

BODY: dict[str, Any] = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "test_window_size": 30,
                        "confirm": False}  # fmt: skip


def report(bars: Bars, **more: object) -> tuple[CandleSpec, FoldReport]:
    spec = spec_at(bars, 900, **more)
    return spec, fold_report(bars, plan_candle(bars, decision=900, spec=spec), spec)


@given(rows=st.integers(100, 1500), folds=st.integers(2, 10), gap=st.integers(0, 60))
def test_they_are_purged_and_have_100_rows_before_and_30_in_each(rows: int, folds: int, gap: int) -> None:
    splits = fold_splits(first=7, decision=7 + rows, folds=folds, protocol="honest", gap=gap)
    assert len(splits) != 1 and len(splits) <= folds
    assert bool(splits) == (rows >= 160 + gap)
    for before, split in zip([None, *splits], splits, strict=False):
        assert split.test[0] - (split.train[-1] + 1) >= gap and split.train[0] == 7
        assert len(split.train) >= 100 and len(split.test) >= 30
        assert before is None or before.test.stop == split.test.start
    assert not splits or splits[-1].test.stop == 7 + rows


@pytest.mark.parametrize("more", [{"gap": 5}, {"protocol": "poc"}, {"model": "logistic"}, {"protocol": "steady"}])
def test_each_is_the_recipe_on_the_rows_before_it(more: dict[str, Any]) -> None:
    bars = noise_bars(1000, planted=0.4)
    spec, found = report(bars, folds=3, **more)
    features, labels = feature_matrix(bars, name=spec.feature_set, timeframe="1d"), up_label(bars.close)
    for fold, split in zip(found.folds, plan_candle(bars, decision=900, spec=spec).folds, strict=True):
        _, final = fit_candle(
            features[:-1], labels[:-1], split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
        )
        rows = slice(split.test.start, split.test.stop)
        y, p = labels[rows], final.probability(features[rows])
        assert fold.auc == pytest.approx(roc_auc_score(y, p)) and fold.log_loss == pytest.approx(log_loss(y, p))
        assert (fold.rows, fold.last) == (len(y), int(bars.time[split.test[-1]]))
    gains = [fold.gains for fold in found.folds]
    expected = np.mean([spearmanr(gains[i], gains[j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))])
    assert found.gain_correlation == pytest.approx(expected)
    assert found.auc_spread == pytest.approx(np.std([fold.auc for fold in found.folds], ddof=1))


def test_they_look_at_no_row_of_the_test_window() -> None:
    bars, other = noise_bars(1000, seed=1), noise_bars(1000, seed=2)
    changed = Bars(*(np.concatenate([getattr(bars, c)[:901], getattr(other, c)[901:]]) for c in vars(bars)))
    assert [fold.auc for fold in report(bars, folds=4)[1].folds] == [
        fold.auc for fold in report(changed, folds=4)[1].folds
    ]


def test_a_planted_feature_beats_its_shadow_and_noise_spreads_by_luck() -> None:
    _, found = report(noise_bars(1000, planted=1.5), folds=5)
    assert found.beaten.max() == 5
    steady = [report(noise_bars(1000, seed=seed), folds=5, protocol="steady")[1] for seed in range(8)]
    assert sum(one.is_steady for one in steady) >= 6
    assert np.mean([one.auc_spread for one in steady]) == pytest.approx(steady[0].auc_luck, rel=0.35)


def test_they_are_no_part_of_the_configuration_nor_of_its_confirmation() -> None:
    plain = parse_candle_spec(BODY)
    assert replace(plain, folds=5).params_hash() == plain.params_hash()


@pytest.mark.parametrize("folds", [0, 1, 11, 2.5, True, "3", None])
def test_it_refuses_what_is_no_number_of_folds(folds: object) -> None:
    with pytest.raises(SpecError, match="folds: Must be a whole number from 2 to 10"):
        parse_candle_spec({**BODY, "folds": folds})


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_run_answers_and_shows_them(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_series()
    run = carried({**BODY, "folds": 3, "confirm": True}, user=alice)
    plain = carried(BODY, user=alice)
    assert run.trial_id == plain.trial_id and run.result["model_hash"] == plain.result["model_hash"]
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert [set(fold) >= {"auc", "log_loss", "rows"} for fold in answer["fold_results"]] == [True] * 3
    assert api(alice).get(f"/api/training/poc-runs/{plain.run_id}").json()["fold_results"] == []
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "The AUC of the 3 folds spreads by" in page and "beats its shuffled shadow" in page
    assert "Folds of the training rows" not in browser_of(alice).get(f"/runs/{plain.run_id}/").text
    assert carry(run.jobs.get(kind="confirmation")).result["evidence"]


@pytest.mark.django_db
def test_form_command_and_short_history(alice: User, browser_of: BrowserOf, capsys: pytest.CaptureFixture[str]) -> None:
    make_series()
    browser = browser_of(alice)
    asked = {"symbol": "SPY", "candle": candle(500), "train_years": "1.5"}
    assert browser.get("/training/preview", {**asked, "folds": "10"}).json()["folds"] == 6
    short = browser.get("/training/preview", {**asked, "train_years": "0.5", "folds": "2"}).json()["problem"]
    assert "Two folds need 160 training candles: 100 before them and 30 in each." in short
    assert 'name="folds" value="4"' in browser.get("/training/new/", {**asked, "folds": "4"}).text
    with pytest.raises(SpecError) as refused:
        carried({**BODY, "train_years": 0.5, "folds": 2})
    assert set(refused.value.errors) == {"folds"}
    call_command("train_poc", "--selected-candle-date", candle(500), "--symbol", "SPY", "--train-years", "1.5",
                 "--folds", "2", "--no-confirm", "--json")  # fmt: skip
    assert len(json.loads(capsys.readouterr().out)["fold_results"]) == 2

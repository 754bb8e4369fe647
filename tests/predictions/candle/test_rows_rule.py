"""A stale bar has no prediction and an unmoved close no outcome; models of runs of before go on as they did."""

from datetime import datetime

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.models import PriceBar, Series
from predictions.candle.ask import ask
from predictions.candle.compare import compare
from predictions.candle.services import predictions_keep, predictions_score
from predictions.models import Prediction
from tests.market import candle, make_series
from tests.people import ApiOf
from tests.predictions.trained import BARS, CANDLE, add_bar, trained
from training.models import TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def change(series: Series, place: int, *, spread: float) -> None:
    """The bar at `place` closes where the one before did: stale without `spread`, else unmoved."""
    bars = list(PriceBar.objects.filter(series=series).order_by("timestamp")[place - 1 : place + 1])
    close = bars[0].close
    high, low = close * (1 + spread), close * (1 - spread)
    PriceBar.objects.filter(pk=bars[1].pk).update(open=close, high=high, low=low, close=close, adj_close=close)


def as_of_before(run: TrainingRun) -> TrainingRun:
    """The same run as release 0.1.0 stored it."""
    del run.config["rows_rule"]
    run.save()
    return run


def test_it_predicts_nothing_at_a_stale_bar_nor_of_it(bob: User, api: ApiOf) -> None:
    series = make_series("SPY", bars=BARS)
    change(series, 350, spread=0.0)
    run = trained()
    output = {
        row["timestamp"]: row for row in api(bob).post(f"/api/poc-predictions/{run.run_id}").json()["predictions"]
    }
    assert candle(350) not in output
    assert output[candle(349)]["target"] == candle(351)
    as_of_before(run)
    older = {row["timestamp"]: row for row in api(bob).post(f"/api/poc-predictions/{run.run_id}").json()["predictions"]}
    assert older[candle(349)]["target"] == candle(350)
    assert older[candle(350)]["target"] == candle(351)
    assert older[candle(349)]["probability"] == output[candle(349)]["probability"]


def test_it_predicts_the_same_in_a_range_as_over_all(bob: User) -> None:
    series = make_series("SPY", bars=BARS)
    for place in (260, 261, 262, 330, 340, 341):
        change(series, place, spread=0.0)
    run = trained()
    start, end = (datetime.fromisoformat(candle(place)) for place in (342, 360))
    over_all, in_range = (
        ask(run=run, series=None, start=None, end=None),
        ask(run=run, series=None, start=start, end=end),
    )
    rows = np.searchsorted(over_all.bars.time, in_range.bars.time)
    assert np.array_equal(over_all.output.probability[rows], in_range.output.probability)
    assert np.array_equal(over_all.up[rows], in_range.up)


def test_it_shows_unmoved_candles_in_the_part_that_they_lie_in(bob: User, api: ApiOf) -> None:
    series = make_series("SPY", bars=BARS)
    for place in (CANDLE, CANDLE + 1):  # rows 299 and 300: the last before the decision, and the decision itself
        change(series, place, spread=0.01)
    run = trained()
    assert run.result["splits"]["test"]["first"] == candle(CANDLE + 1)
    output = {
        row["timestamp"]: row for row in api(bob).post(f"/api/poc-predictions/{run.run_id}").json()["predictions"]
    }
    assert output[candle(CANDLE - 1)]["sample"] == "validation"
    assert output[candle(CANDLE)]["sample"] == "test"
    columns = api(bob).get(f"/api/poc-predictions/{run.run_id}/columns").json()
    at = columns["epoch"].index(int(datetime.fromisoformat(candle(CANDLE)).timestamp()))
    assert columns["up"][at] is None
    earned = api(bob).get(f"/api/poc-predictions/{run.run_id}/performance").json()
    assert earned["first"] == candle(CANDLE)


def test_it_scores_an_unmoved_close_as_no_outcome(bob: User) -> None:
    run = trained()
    series = run.series
    assert series is not None
    predictions_keep(predicted=ask(run=run, series=None, start=None, end=None))
    last = PriceBar.objects.filter(series=series).order_by("timestamp").last()
    assert last is not None
    at = add_bar(series, last.close)
    assert predictions_score(series=series) == 1
    scored = Prediction.objects.get()
    assert (scored.outcome, scored.target_at) == (None, at)
    assert not Prediction.objects.pending().exists() and not Prediction.objects.scored().exists()


def test_it_waits_for_the_next_candle_behind_a_stale_bar(bob: User) -> None:
    run = trained()
    series = run.series
    assert series is not None
    predictions_keep(predicted=ask(run=run, series=None, start=None, end=None))
    last = PriceBar.objects.filter(series=series).order_by("timestamp").last()
    assert last is not None
    add_bar(series, last.close)
    change(series, BARS, spread=0.0)
    predictions_keep(predicted=ask(run=run, series=None, start=None, end=None))
    assert Prediction.objects.get().scored_at is None
    at = add_bar(series, last.close * 1.02)
    assert predictions_score(series=series) == 1
    assert (Prediction.objects.get().outcome, Prediction.objects.get().target_at) == (1, at)


def test_it_compares_runs_of_both_rules_on_the_candles_they_share(bob: User) -> None:
    series = make_series("SPY", bars=BARS)
    change(series, 350, spread=0.0)
    older, newer = as_of_before(trained()), trained()
    found = compare([older, newer])
    assert ("Rows rule", ["1", "2"]) in found.settings
    assert found.common is not None
    evaluated = ask(run=newer, series=None, start=None, end=None).evaluated
    assert found.common.rows == evaluated.sum()

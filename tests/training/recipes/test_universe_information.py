"""What stands beside the figures of universe runs and walks: in answers, on pages, and never in the verdict."""

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_walk_forward import ask, carry_next
from tests.training.results import universe_walk_result
from tests.training.run_builders import enter_trial, make_run
from tests.training.universe import carried_universe, make_universe
from training.evidence.selection import curve_of, selection_of
from training.evidence.trials import TrialFields
from training.models import Status, TrainingRun
from training.quant.candle.spec import parse_time
from training.quant.universe.panel import COLUMNS, MODEL_FEATURES

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
DAYS = [str(day) for day in np.arange("2020-01-01", "2020-07-19", dtype="datetime64[D]")]
AT = parse_time("2020-07-19T00:00:00Z")


def walked(**more: Any) -> TrainingRun:
    """A walk of three folds of 30 days, to its end."""
    make_universe()
    walk = ask(**more)
    while carry_next():
        pass
    walk.refresh_from_db()
    assert walk.status == Status.COMPLETED, walk.error
    return walk


def walk_with(params_hash: str, *members: int, drift: float = 0.0, days: list[str] = DAYS) -> TrainingRun:
    """A walk that lies there, over these days."""
    returns = np.random.default_rng(int(params_hash, 36)).normal(drift, 0.01, len(days))
    result = universe_walk_result(universe="few", p_value=0.5)
    result["curve"] |= {"days": days, "long_short": np.cumprod(1 + returns).tolist(), "equal_weight": [1.0] * len(days)}
    row: dict[str, Any] = {"kind": "walk", "universe": "few", "status": Status.COMPLETED, "result": result}
    run = make_run(None, **row, params_hash=params_hash)
    return enter_trial(run, as_of=AT, data_hash="d" * 64, p_value=0.5, members=members)


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_a_walk_answers_and_shows_it(alice: User, api: ApiOf, browser_of: BrowserOf, recipe: str) -> None:
    beside, features = {"honest": ("trees", MODEL_FEATURES), "phase22": ("logistic", COLUMNS)}[recipe]
    walk = walked(recipe=recipe)
    answer = api(alice).get(f"/api/training/runs/{walk.run_id}").json()
    assert (answer["pbo"], answer["pbo_configurations"]) == (None, 1)
    assert 0 <= answer["pooled"]["deflated_sharpe"] <= 1 and answer["folds"][0]["deflated_sharpe"] is None
    assert set(answer["beside"]) == {beside} and 0 < answer["beside"][beside]["p_value"] < 1
    bins = answer["shelf_life_bins"]
    assert [(each["first"], each["last"]) for each in bins] == [(1, 8), (9, 16), (17, 23), (24, 30)]
    assert sum(each["days"] for each in bins) == 90
    stability = answer["importance_stability"]
    assert stability["folds"] == 3 and {each["feature"] for each in stability["features"]} == set(features)
    band = answer["curve"]["band"]
    assert len(band["low"]) == len(band["high"]) == len(answer["curve"]["days"]) and band["share"] == 0.9
    page = browser_of(alice).get(f"/runs/{walk.run_id}/").text
    for text in ("How long it still ranks", "Which features keep their", "It needs 5 configurations", "plot-band"):
        assert text in page
    assert f"Beside it, {beside} on the same rows" in page and 'id="note-pbo"' in page


def test_a_run_answers_and_shows_it_and_so_does_its_card(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_universe()
    run = carried_universe(user=alice)
    answer = api(alice).get(f"/api/training/runs/{run.run_id}").json()
    assert set(answer["beside"]) == {"logistic"} and set(answer["beside"]["logistic"]) == {"rank_ic", "p_value"}
    assert all(0 <= answer["metrics"][part]["deflated_sharpe"] <= 1 for part in ("validation", "test"))
    assert len(answer["shelf_life_bins"]) == 4 and answer["shelf_life"] in (None, "none shown", 27, 54, 81, 107, 108)
    browser = browser_of(alice)
    page, card = (browser.get(each).text for each in (f"/runs/{run.run_id}/", f"/models/{answer['version']}/"))
    assert "How long it still ranks" in page and "How long it still ranks" in card
    assert "plot-band" in page and "Beside it, logistic on the same rows" in page


def test_walks_of_before_still_open(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    walk = walked()
    new = ("shelf_life", "shelf_life_bins", "pbo", "pbo_configurations", "importance_stability")
    for name in new:
        del walk.result[name]
    del walk.result["curve"]["band"], walk.result["pooled"]["deflated_sharpe"]
    walk.save(update_fields=["result"])
    answer = api(alice).get(f"/api/training/runs/{walk.run_id}").json()
    assert [answer[name] for name in new] == [None, [], None, None, None] and answer["curve"]["band"] is None
    page = browser_of(alice).get(f"/runs/{walk.run_id}/").text
    assert "Walks of before this release have none." in page and "How long it still ranks" not in page


def test_folds_of_before_can_still_be_pooled() -> None:
    make_universe()
    walk = ask()
    for _ in range(3):
        carry_next()
    TrainingRun.objects.filter(parent=walk).update(detail={})
    done = carry_next()
    assert done is not None and done.status == Status.COMPLETED and done.result["importance_stability"] is None


def test_pbo_is_of_the_ledgers_configurations_on_the_same_days() -> None:
    for params_hash in "abcde":
        walk_with(params_hash, 1, 2, 3)
    walk_with("f", 1, 2, 3, days=DAYS[:100])
    walk_with("g", 7, 8, 9)
    own = make_run(None, kind="walk", universe="few", params_hash="h")
    fields = TrialFields(as_of=AT, data_hash="e" * 64, members=(2, 3, 4))
    selection = selection_of(own, fields)
    curve = curve_of(DAYS, [1.0] * len(DAYS))
    pbo, configurations = selection.overfitting(curve)
    assert configurations == 6 and pbo is not None and 0 <= pbo <= 1
    assert selection.trials == 7  # six of this ledger before it
    again = make_run(None, kind="walk", universe="few", params_hash="a")
    same = selection_of(again, TrialFields(as_of=AT, data_hash="d" * 64, members=(1, 2, 3)))
    assert same.overfitting(curve)[1] == 5 and same.trials == 1


def test_the_same_sharpe_is_worth_less_among_more_trials() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 400)
    fields = TrialFields(as_of=AT, data_hash="e" * 64, members=(1, 2, 3))
    figures = []
    for params_hash in ("a", "b", "c"):
        run = make_run(None, kind="walk", universe="few", params_hash="own")
        figures.append(selection_of(run, fields).deflated_sharpe(returns))
        walk_with(params_hash, 1, 2, 3)
    assert figures == sorted(figures, key=lambda figure: -(figure or 0.0)) and len(set(figures)) == 3

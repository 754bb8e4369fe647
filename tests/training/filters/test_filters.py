"""The filters of runs find what the runs' own answers say, and take nothing else than they know."""

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.models import Universe
from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.training.results import universe_result
from tests.training.run_builders import confirm_universe, enter_universe, make_run
from tests.training.thousands import completed, confirmed
from training.models import Status, TrainingRun
from training.runs.annotations import run_describe

pytestmark = pytest.mark.db_both
ADDRESS = "/api/training/runs"


def found(program: Any, **query: str) -> set[str]:
    answer = program.get(ADDRESS, query)
    assert answer.status_code == 200, answer.content
    return {run["run_id"] for run in answer.json()}


def test_it_finds_each_verdict_as_the_runs_say_it(alice: User, api: ApiOf) -> None:
    """Trials on several series, ties, unconfirmed runs, a run whose confirmation had one class only."""
    rng, program = np.random.default_rng(3), api(alice)
    for number, name in enumerate(("SPY", "IBM", "FB")):
        series = make_series(name, bars=5)
        for _ in range(12):
            run = completed(alice, series=series, p_value=float(np.round(rng.uniform(0.001, 0.2), 3)))
            if rng.uniform() < 0.7:
                confirmed(run, p_value=float(np.round(rng.uniform(0, 1) ** (3 * number + 1), 4)) + 1e-5)
    make_run(alice, series=series, status=Status.FAILED)
    runs = {run["run_id"]: run["verdict"] for run in program.get(ADDRESS).json()}
    labels = {verdict["label"] for verdict in runs.values() if verdict}
    assert labels == {"evidence", "weak", "no_evidence"}
    for label in labels:
        assert found(program, verdict=label) == {name for name, one in runs.items() if one and one["label"] == label}
    for query, low, high in (({"p_max": "0.01"}, 0, 0.01), ({"p_min": "0.1", "p_max": "0.5"}, 0.1, 0.5)):
        expected = {name for name, one in runs.items() if one and low <= one["p_value"] <= high}
        assert expected and found(program, **query) == expected
    for word, wanted in (("yes", True), ("no", False)):
        assert found(program, confirmed=word) == {
            name for name, one in runs.items() if one and one["confirmed"] is wanted
        }


def test_it_finds_verdicts_of_universe_runs(alice: User, api: ApiOf) -> None:
    Universe.objects.create(name="few")
    for p_value in (0.001, 0.04, None):
        result = universe_result(universe="few", p_value=p_value, days=200)
        config = {"universe": "few"}
        run = make_run(alice, kind="universe", status=Status.COMPLETED, result=result, config=config)
        TrainingRun.objects.filter(pk=run.pk).update(params_hash=run.run_id)
        run.refresh_from_db()
        confirm_universe(enter_universe(run), p_value=p_value)
    program = api(alice)
    runs = program.get(ADDRESS).json()
    assert [run["verdict"]["label"] for run in runs] == ["no_evidence", "weak", "evidence"]
    for run in runs:
        assert found(program, verdict=run["verdict"]["label"], universe="few", kind="universe") == {run["run_id"]}


def test_it_filters_by_what_a_run_shows(alice: User, carol: User, api: ApiOf) -> None:
    one = completed(alice, series=make_series("SPY", bars=5), auc=0.61)
    confirmed(one, p_value=0.3, auc=0.57)
    two = make_run(carol, series=make_series("IBM", bars=5), status=Status.FAILED)
    changes = {"name": "A first_try", "notes": "50 % better", "tags": ("blue", "red"), "pinned": True}
    run_describe(run=one, user=alice, changes=changes)
    program = api(alice)
    for query in (
        {"auc_min": "0.6", "auc_max": "0.62"},
        {"pooled_auc_min": "0.56", "pooled_auc_max": ".58"},
        {"text": "FIRST_t"},
        {"text": "50 %"},
        {"text": one.run_id},
        {"tag": "Blue"},
        {"tag": "red blue"},
        {"pinned": "yes"},
        {"symbol": "SPY", "timeframe": "1d", "person": "alice", "status": "completed"},
    ):
        assert found(program, **query) == {one.run_id}, query
    assert found(program, pinned="no") == found(program, status="failed") == {two.run_id}
    both = {one.run_id, two.run_id}
    day = f"{one.created_at:%Y-%m-%d}"
    for query in (
        {"candle_from": "2019-06-03", "candle_to": "2019-06-03"},
        {"created_from": day, "created_to": day},
        {"protocol": "honest", "feature_set": "scale_free", "kind": "candle"},
    ):
        assert found(program, **query) == both, query
    for query in ({"text": "f_rst"}, {"text": "5%"}, {"tag": "blue green"}, {"candle_from": "2019-06-04"}):
        assert not found(program, **query), query


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auc_min", "1.1"),
        ("auc_min", "nan"),
        ("auc_max", "inf"),
        ("p_max", "1_0"),
        ("p_max", "-0.1"),
        ("p_min", "٠"),
        ("candle_from", "2023-6-1"),
        ("candle_to", "2023-02-30"),
        ("created_from", "yesterday"),
        ("created_to", "9999-12-31"),
        ("tag", "two words?"),
        ("pinned", "true"),
        ("verdict", "fine"),
        ("kind", "folded"),
        ("timeframe", "1m"),
        ("text", "x" * 101),
        ("text", "\x00"),
        ("universe", "nothing"),
        ("verdikt", "weak"),
    ],
)
def test_it_says_what_it_does_not_take(alice: User, api: ApiOf, browser_of: BrowserOf, name: str, value: str) -> None:
    make_run(alice, status=Status.FAILED)
    answer = api(alice).get(ADDRESS, {name: value})
    assert answer.status_code == 400 and list(answer.json()) == [name]
    for page in ("/runs/", "/runs/bulk-delete/"):
        shown = browser_of(alice).get(page, {name: value})
        assert shown.status_code == 200 and 'role="alert"' in shown.text
        assert shown.context["lines" if page == "/runs/" else "count"] in ([], 0)


def test_it_refuses_a_range_that_is_upside_down(alice: User, api: ApiOf) -> None:
    for low, high in (("p_min", "p_max"), ("auc_min", "auc_max"), ("pooled_auc_min", "pooled_auc_max")):
        assert list(api(alice).get(ADDRESS, {low: "0.5", high: "0.4"}).json()) == [low]
    assert api(alice).get(ADDRESS, {"created_from": "2024-01-02", "created_to": "2024-01-01"}).status_code == 400


def test_its_address_keeps_what_was_said_alone(alice: User, browser_of: BrowserOf) -> None:
    answer = browser_of(alice).get("/runs/?status=failed&symbol=&tag=&text=a+b")
    assert answer["Location"] == "/runs/?status=failed&text=a+b"
    page = browser_of(alice).get(answer["Location"])
    assert page.status_code == 200 and 'value="a b"' in page.text and "More filters" in page.text

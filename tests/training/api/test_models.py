import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.market import make_series
from tests.people import ApiOf
from tests.training.run_builders import make_model, make_run
from training.filters.models import RECORDS
from training.models import Status
from training.recipes.kinds import listed_kinds, unasked_kinds

pytestmark = pytest.mark.db_both
# fmt: off
CONTRACT_FIELDS = {
    "version", "kind", "scope", "run_id", "trained_at", "metrics", "verdict", "params_hash", "data_hash", "model_hash",
    "is_active", "activated_at", "activated_by", "artifact_paths",
}
# fmt: on


def test_it_lists_and_shows_models(alice: User, bob: User, api: ApiOf) -> None:
    spy = make_series("SPY", bars=5)
    made = [make_model(make_run(alice, series=spy, status=Status.COMPLETED)) for _ in range(3)]
    listed = api(bob).get("/api/models", {"limit": "2"})
    assert [model["version"] for model in listed.json()] == [made[2].version, made[1].version]
    assert 'rel="next"' in listed["Link"]
    shown = api(bob).get(f"/api/models/{made[0].version}").json()
    assert set(shown) >= CONTRACT_FIELDS
    assert shown["scope"] == {"symbol": "SPY", "timeframe": "1d", "horizon": 1}
    assert shown["run_id"] == made[0].run.run_id


def test_it_says_when_there_is_no_such_model(alice: User, api: ApiOf) -> None:
    assert "no model" in api(alice).get("/api/models/candle-x").json()["detail"]


def test_it_lists_runs_of_every_kind(alice: User, bob: User, api: ApiOf) -> None:
    runs = [make_run(alice), make_run(alice, kind="universe", config={})]
    listed = api(bob).get("/api/training/runs").json()
    assert [(run["run_id"], run["kind"]) for run in listed] == [
        (runs[1].run_id, "universe"),
        (runs[0].run_id, "candle"),
    ]
    assert api(bob).get(f"/api/training/runs/{runs[1].run_id}").json()["kind"] == "universe"


def test_it_lists_kinds_of_later_only_where_they_are_asked_for(alice: User, api: ApiOf) -> None:
    assert {"candle", "universe", "walk"} <= set(unasked_kinds())
    assert {"ensemble", "sweep"} <= set(listed_kinds()) - set(unasked_kinds())
    make_run(alice)
    study = make_run(alice, kind="meta_fit", config={})
    assert [run["kind"] for run in api(alice).get("/api/training/runs").json()] == ["candle"]
    assert [run["run_id"] for run in api(alice).get("/api/training/runs?kind=meta_fit").json()] == [study.run_id]


def test_it_asks_the_database_as_often_for_many_models_as_for_one(alice: User, api: ApiOf) -> None:
    program, spy = api(alice), make_series("SPY", bars=5)
    program.get("/api/models")
    counts = []
    for number in (1, 10):
        for _ in range(number):
            make_model(make_run(alice, series=spy, status=Status.COMPLETED))
        with CaptureQueriesContext(connection) as seen:
            program.get("/api/models")
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 7  # two of them for all verdicts together


def test_it_is_for_members(stranger: User, api: ApiOf) -> None:
    for address in ("/api/models", "/api/models/x", "/api/training/runs", "/api/training/runs/x"):
        assert api().get(address).status_code == 401
        assert api(stranger).get(address).status_code == 403


@pytest.mark.parametrize("kind", RECORDS)
def test_it_answers_for_a_kind_that_has_no_models_yet(alice: User, api: ApiOf, kind: str) -> None:
    answer = api(alice).get(f"/api/models?kind={kind}")
    assert (answer.status_code, answer.json()) == (200, [])

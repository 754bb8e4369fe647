from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from tests.market import make_series
from tests.people import ApiOf
from tests.training.run_builders import make_model, make_run
from training.models import Status, TrainingRun
from training.queue import clock

pytestmark = pytest.mark.db_both
# fmt: off
CONTRACT_FIELDS = {
    "run_id", "timestamp", "candle_date", "symbol", "timeframe", "status", "progress", "stage", "message", "error",
    "created_by", "created_at", "started_at", "finished_at", "train_metrics", "validation_metrics", "test_metrics",
    "verdict", "splits", "config", "params_hash", "data_hash", "model_hash", "feature_names", "artifact_paths",
}
# fmt: on


def _address(run: TrainingRun) -> str:
    return f"/api/training/poc-runs/{run.run_id}"


def test_it_shows_a_run_with_every_field(alice: User, bob: User, api: ApiOf) -> None:
    run = make_run(alice, series=make_series(bars=5))
    answer = api(bob).get(_address(run))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) >= CONTRACT_FIELDS
    assert body["created_by"] == "alice" and body["status"] == "queued" and body["error"] is None
    assert body["candle_date"] == "2019-06-03T00:00:00Z" and body["created_at"].endswith("Z")


def test_it_says_when_there_is_no_such_run(alice: User, api: ApiOf) -> None:
    gone = make_run(alice, status=Status.COMPLETED, deleted_at=timezone.now())
    other = make_run(alice, kind="universe", config={})
    for address in (_address(gone), _address(other), "/api/training/poc-runs/20200101_000000_zzzz"):
        answer = api(alice).get(address)
        assert answer.status_code == 404
        assert "There is no run" in answer.json()["detail"]


@pytest.mark.parametrize("rubbish", ["%00", "a b", "é", "..%2f..%2fetc", "x" * 5000])
def test_it_answers_rubbish_for_an_id_with_404(alice: User, api: ApiOf, rubbish: str) -> None:
    answer = api(alice).get(f"/api/training/poc-runs/{rubbish}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"


def test_it_takes_back_a_lost_run_when_it_is_read(alice: User, api: ApiOf) -> None:
    old = clock.read() - timedelta(seconds=10 * settings.HEARTBEAT_S)
    run = make_run(alice, status=Status.RUNNING, lease_beat_at=old, attempt=1)
    assert api(alice).get(_address(run)).json()["status"] == "queued"


def test_it_deletes_a_run_that_is_over(alice: User, api: ApiOf) -> None:
    run = make_run(alice, status=Status.COMPLETED)
    assert api(alice).delete(_address(run)).status_code == 204
    assert api(alice).get(_address(run)).status_code == 404
    assert api(alice).delete(_address(run)).status_code == 404
    run.refresh_from_db()
    assert run.deleted_at is not None  # its try stays counted


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_it_deletes_no_run_that_is_active(alice: User, api: ApiOf, status: Status) -> None:
    run = make_run(alice, status=status)
    answer = api(alice).delete(_address(run))
    assert answer.status_code == 409
    assert "Cancel it first" in answer.json()["detail"]


def test_it_deletes_no_run_whose_model_is_active(alice: User, api: ApiOf) -> None:
    run = make_run(alice, status=Status.COMPLETED, series=make_series(bars=5))
    make_model(run, is_active=True)
    answer = api(alice).delete(_address(run))
    assert answer.status_code == 409
    assert "Deactivate it first" in answer.json()["detail"]


def test_it_lets_trainers_delete_their_own_runs_and_managers_anyones(
    alice: User, bob: User, carol: User, api: ApiOf
) -> None:
    hers, his = make_run(carol, status=Status.COMPLETED), make_run(alice, status=Status.COMPLETED)
    answer = api(alice).delete(_address(hers))
    assert answer.status_code == 403 and "carol's" in answer.json()["detail"]
    assert api(bob).delete(_address(his)).status_code == 403
    assert api(carol).delete(_address(his)).status_code == 204

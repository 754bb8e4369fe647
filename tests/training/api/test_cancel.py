import pytest
from django.contrib.auth.models import User

from tests.people import ApiOf
from tests.training.run_builders import make_run
from training.models import Status, TrainingRun

pytestmark = pytest.mark.db_both


def _address(run: TrainingRun) -> str:
    return f"/api/training/poc-runs/{run.run_id}/cancel"


def test_it_cancels_a_queued_run_at_once(alice: User, api: ApiOf) -> None:
    run = make_run(alice)
    answer = api(alice).post(_address(run))
    assert answer.status_code == 202
    assert answer.json()["status"] == "cancelled" and answer.json()["finished_at"]


def test_it_asks_the_worker_of_a_running_run(alice: User, api: ApiOf) -> None:
    run = make_run(alice, status=Status.RUNNING)
    assert [api(alice).post(_address(run)).status_code for _ in range(2)] == [202, 202]
    run.refresh_from_db()
    assert run.status == Status.RUNNING and run.cancel_requested_at is not None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_it_is_too_late_for_a_run_that_has_ended(alice: User, api: ApiOf, status: Status) -> None:
    run = make_run(alice, status=status)
    answer = api(alice).post(_address(run))
    assert answer.status_code == 409
    assert "already ended" in answer.json()["detail"]
    run.refresh_from_db()
    assert run.status == status


def test_it_lets_trainers_cancel_their_own_runs_and_managers_anyones(
    alice: User, bob: User, carol: User, api: ApiOf
) -> None:
    hers, his = make_run(carol), make_run(alice)
    assert api().post(_address(his)).status_code == 401
    assert api(bob).post(_address(his)).status_code == 403
    assert api(alice).post(_address(hers)).status_code == 403
    assert api(carol).post(_address(his)).status_code == 202


def test_it_says_when_there_is_no_such_run(alice: User, api: ApiOf) -> None:
    assert api(alice).post("/api/training/poc-runs/nothing/cancel").status_code == 404

"""The state machine of runs: who may write, who may not, and what a lost worker leaves behind."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from training.models import TERMINAL, Priority, RunEvent, Status, TrainingRun
from training.queue import clock, leases
from training.recipes.kinds import recipe_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def make_run(**values: object) -> TrainingRun:
    kind = str(values.get("kind", "candle"))
    own = {"run_id": uuid.uuid4().hex, "kind": kind, "priority": recipe_of(kind).priority}
    return TrainingRun.objects.create(**own | {"params_hash": "0" * 64, "created_at": timezone.now()} | values)


def claimed(**values: object) -> tuple[TrainingRun, uuid.UUID]:
    run = make_run(**values)
    token = leases.claim(run.pk, host="h", pid=1)
    assert token is not None
    run.refresh_from_db()
    return run, token


def grow_stale(run: TrainingRun) -> None:
    long_ago = clock.read() - timedelta(seconds=leases.LEASE_S + 1)
    TrainingRun.objects.filter(pk=run.pk).update(lease_beat_at=long_ago)


def test_it_claims_a_queued_run() -> None:
    run, token = claimed()
    assert (run.status, run.attempt, run.lease_token, run.worker_pid) == (Status.RUNNING, 1, token, 1)
    assert run.started_at is not None
    assert abs((timezone.now() - run.started_at).total_seconds()) < 5
    assert run.started_at.microsecond or run.lease_beat_at.microsecond  # the database's clock, finer than seconds


def test_it_refuses_a_second_claim() -> None:
    run, _ = claimed()
    assert leases.claim(run.pk, host="h", pid=2) is None


@pytest.mark.django_db(transaction=True)
def test_it_gives_a_run_to_one_of_ten_workers() -> None:
    run = make_run()
    tokens: list[uuid.UUID | None] = []

    def take(pid: int) -> None:
        tokens.append(leases.claim(run.pk, host="h", pid=pid))
        connection.close()

    threads = [threading.Thread(target=take, args=(pid,)) for pid in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 10
    assert sum(token is not None for token in tokens) == 1
    run.refresh_from_db()
    assert run.attempt == 1


def test_it_takes_the_turn_of_the_person_with_the_fewest_running() -> None:
    anna, ben = (get_user_model().objects.create(username=name) for name in ("anna", "ben"))
    claimed(created_by=anna)
    make_run(created_by=anna)
    bens = make_run(created_by=ben)
    assert leases.next_queued() == bens.pk


def test_it_serves_people_in_turn() -> None:
    """Also where one worker is all there is, so that nobody has a run going when the next is chosen."""
    anna, ben = (get_user_model().objects.create(username=name) for name in ("anna", "ben"))
    for _ in range(3):
        make_run(created_by=anna)
    for _ in range(2):
        make_run(created_by=ben)
    order = []
    while (turn := leases.next_queued()) is not None:
        token = leases.claim(turn, host="h", pid=1)
        assert token is not None
        leases.finish(turn, token, status=Status.COMPLETED)
        order.append(TrainingRun.objects.get(pk=turn).created_by)
    assert order == [anna, ben, anna, ben, anna]


def test_it_takes_trainings_before_jobs_about_finished_runs() -> None:
    done = make_run()
    assert leases.request_cancel(done.pk) == leases.CANCELLED
    job = make_run(kind="verification", subject=done)
    assert leases.next_queued(Q(priority=Priority.CLICK)) is None
    training = make_run()
    assert leases.next_queued() == training.pk
    leases.claim(training.pk, host="h", pid=1)
    assert leases.next_queued() == job.pk


def test_it_moves_up_a_class_what_has_waited_ten_minutes() -> None:
    waited = make_run(kind="recommend", created_at=timezone.now() - leases.PATIENCE - timedelta(seconds=1))
    click = make_run()
    assert leases.next_queued() == waited.pk, "as good as a click, and older"
    fresh = make_run(kind="recommend")
    leases.claim(waited.pk, host="h", pid=1)
    assert leases.next_queued() == click.pk
    leases.claim(click.pk, host="h", pid=1)
    assert leases.next_queued() == fresh.pk


@pytest.mark.parametrize("waited", [timedelta(0), 2 * leases.PATIENCE])
def test_it_lets_no_confirmation_wait_for_all_folds_of_a_walk(waited: timedelta) -> None:
    """However long they have waited: a retraining has many, and each takes its time."""
    walk = make_run(kind="walk")
    folds = [make_run(kind="fold", parent=walk, created_at=timezone.now() - waited) for _ in range(3)]
    leases.claim(folds[0].pk, host="h", pid=1)
    candle, token = claimed()
    leases.finish(candle.pk, token, status=Status.COMPLETED)
    confirmation = make_run(kind="confirmation", subject=candle)
    assert leases.next_queued() == confirmation.pk
    leases.claim(confirmation.pk, host="h", pid=1)
    assert leases.next_queued() == folds[1].pk


def test_it_takes_the_folds_that_somebody_waits_for_before_those_of_a_schedule() -> None:
    anna = get_user_model().objects.create(username="anna")
    make_run(kind="fold", parent=make_run(kind="walk"))
    asked = make_run(kind="fold", parent=make_run(kind="walk", created_by=anna), created_by=anna)
    assert leases.next_queued() == asked.pk


def test_it_takes_folds_before_chunks() -> None:
    make_run(kind="sweep_chunk", parent=make_run(kind="sweep"))
    fold = make_run(kind="fold", parent=make_run(kind="walk"))
    assert leases.next_queued() == fold.pk


def test_it_waits_for_the_parts_of_a_run() -> None:
    whole = make_run(kind="walk")
    part = make_run(kind="fold", parent=whole)
    assert leases.next_queued() == part.pk
    token = leases.claim(part.pk, host="h", pid=1)
    assert token is not None and leases.next_queued() is None
    leases.finish(part.pk, token, status=Status.COMPLETED)
    assert leases.next_queued() == whole.pk


def test_it_finds_no_turn_in_an_empty_queue() -> None:
    claimed()
    assert leases.next_queued() is None


def test_it_beats_only_with_the_right_token() -> None:
    run, token = claimed()
    assert leases.beat(run.pk, token)
    assert not leases.beat(run.pk, uuid.uuid4())


def test_it_writes_progress_and_the_lines_of_the_log_once() -> None:
    run, token = claimed()
    line = RunEvent(run=run, at=timezone.now(), attempt=1, stage="fit", text="Fitting.")
    leases.progress_write(run.pk, token, stage="fit", progress=0.3, message="Fitting.", log=[line])
    leases.progress_write(run.pk, token, stage="fit", progress=0.4, message="Round 10.", live_curve=[[10, 0.6]])
    run.refresh_from_db()
    assert (run.stage, run.progress, run.message, run.live_curve) == ("fit", 0.4, "Round 10.", [[10, 0.6]])
    assert list(RunEvent.objects.filter(run=run).values_list("stage", "attempt")) == [("start", 1), ("fit", 1)]


def test_it_refuses_progress_of_a_lost_lease() -> None:
    run, _ = claimed()
    with pytest.raises(leases.LeaseLost):
        leases.progress_write(run.pk, uuid.uuid4(), stage="fit", progress=0.3, message="")
    run.refresh_from_db()
    assert run.stage == "start"


def test_it_stops_progress_when_a_cancel_is_asked_for() -> None:
    run, token = claimed()
    assert leases.request_cancel(run.pk) == leases.CANCELLING
    with pytest.raises(leases.Cancelled):
        leases.progress_write(run.pk, token, stage="fit", progress=0.3, message="")


def test_it_finishes_once() -> None:
    run, token = claimed()
    assert leases.finish(run.pk, token, status=Status.COMPLETED, result={"a": 1}, detail={"b": 2})
    assert not leases.finish(run.pk, token, status=Status.FAILED, error="Too late.")
    run.refresh_from_db()
    assert (run.status, run.result, run.detail, run.error, run.progress) == ("completed", {"a": 1}, {"b": 2}, "", 1.0)
    assert run.finished_at is not None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_it_ends_as_cancelled_once_a_cancel_was_accepted(status: Status) -> None:
    run, token = claimed()
    leases.request_cancel(run.pk)
    assert not leases.finish(run.pk, token, status=status)
    assert leases.finish(run.pk, token, status=Status.CANCELLED)
    run.refresh_from_db()
    assert run.status == Status.CANCELLED


def test_it_cancels_a_queued_run_at_once() -> None:
    run = make_run()
    assert leases.request_cancel(run.pk) == leases.CANCELLED
    assert leases.claim(run.pk, host="h", pid=1) is None
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    assert run.finished_at is not None


def test_it_is_too_late_to_cancel_what_has_ended() -> None:
    run, token = claimed()
    leases.finish(run.pk, token, status=Status.COMPLETED)
    assert leases.request_cancel(run.pk) == leases.TOO_LATE
    run.refresh_from_db()
    assert (run.status, run.cancel_requested_at) == (Status.COMPLETED, None)


def test_it_leaves_a_beating_run_alone() -> None:
    claimed()
    assert leases.reclaim_expired() == []


def test_it_queues_a_lost_run_again_and_refuses_its_late_worker() -> None:
    run, token = claimed()
    grow_stale(run)
    assert leases.reclaim_expired() == [run.pk]
    assert not leases.finish(run.pk, token, status=Status.COMPLETED)
    assert not leases.beat(run.pk, token)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.worker_pid, run.lease_token) == (Status.QUEUED, 1, None, None)


def test_it_gives_up_after_three_attempts() -> None:
    run = make_run()
    for _ in range(leases.MAX_ATTEMPTS):
        assert leases.claim(run.pk, host="h", pid=1)
        grow_stale(run)
        leases.reclaim_expired()
    run.refresh_from_db()
    assert (run.status, run.error_reason, run.attempt) == (Status.FAILED, "lost_worker", 3)
    assert run.error.startswith("The worker was lost")
    assert RunEvent.objects.filter(run=run).count() == 6


def test_it_queues_again_whatever_the_length_of_its_reason() -> None:
    """PostgreSQL refuses what is too long for its column, and the run would wait for the end of its lease."""
    run, token = claimed()
    assert leases.requeue(run.pk, token, "away: " + "x" * 600, counts=False)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.QUEUED, 0)
    assert len(run.message) <= 300 and run.message.endswith("once a worker can take it.")


def test_it_cancels_a_lost_run_that_was_to_be_cancelled() -> None:
    run, _ = claimed()
    leases.request_cancel(run.pk)
    grow_stale(run)
    assert leases.reclaim_expired() == []
    run.refresh_from_db()
    assert run.status == Status.CANCELLED


def test_it_gives_back_what_a_stopping_worker_holds() -> None:
    run, token = claimed()
    assert leases.requeue(run.pk, token, "The worker was stopped")
    assert not leases.requeue(run.pk, token, "The worker was stopped")
    run.refresh_from_db()
    assert run.status == Status.QUEUED


def test_it_asks_no_clock_that_can_be_set_wrong() -> None:
    """PostgreSQL's own clock; on SQLite the host's monotonic one, which the SQL doesn't ask."""
    run, _ = claimed()
    grow_stale(run)
    with CaptureQueriesContext(connection) as queries:
        assert leases.reclaim_expired() == [run.pk]
    asked = queries[0]["sql"]
    if connection.vendor == "postgresql":
        assert "STATEMENT_TIMESTAMP()" in asked
    else:
        assert "NOW" not in asked
        assert clock.read().year == 1970


def test_it_takes_back_what_has_not_beaten_since_the_clock_was_set_back() -> None:
    """PostgreSQL's by hand; SQLite's begins anew when the host is started again. The old beats lie ahead of it."""
    run, _ = claimed()
    ahead = clock.read() + timedelta(days=30)
    TrainingRun.objects.filter(pk=run.pk).update(lease_beat_at=ahead)
    assert leases.reclaim_expired() == [run.pk]


def test_it_tells_a_refused_holder_why() -> None:
    run, token = claimed()
    with pytest.raises(leases.LeaseLost):
        leases.refuse(run.pk, uuid.uuid4())
    leases.request_cancel(run.pk)
    with pytest.raises(leases.Cancelled):
        leases.refuse(run.pk, token)


@pytest.mark.parametrize("status", TERMINAL)
def test_it_changes_no_run_that_has_ended(status: Status) -> None:
    run, token = claimed()
    assert leases.finish(run.pk, token, status=status, error="why")
    before = TrainingRun.objects.filter(pk=run.pk).values().get()
    assert leases.claim(run.pk, host="h", pid=2) is None
    assert not leases.beat(run.pk, token)
    assert not leases.finish(run.pk, token, status=Status.COMPLETED)
    assert not leases.requeue(run.pk, token, "Why")
    assert leases.request_cancel(run.pk) == leases.TOO_LATE
    leases.release("h", [1])
    grow_stale(run)
    assert leases.reclaim_expired() == []
    after = TrainingRun.objects.filter(pk=run.pk).values().get()
    assert {**after, "lease_beat_at": None} == {**before, "lease_beat_at": None}


def test_it_counts_no_attempt_that_a_stop_ended() -> None:
    run, token = claimed(attempt=2)
    assert leases.requeue(run.pk, token, "The worker was stopped", counts=False)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.QUEUED, 2)

"""A walk-forward on the workers: its folds are runs of their own, and together what the command gives."""

import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.people import ApiOf, BrowserOf
from tests.prepared import prepare
from tests.training.universe import change_after, make_universe
from training.artifacts.integrity import inventory
from training.artifacts.storage import artifact_storage, run_folder
from training.errors import TooManyRuns
from training.models import ACTIVE, ModelVersion, Status, TrainingRun, Trial
from training.quant.walk_forward.spec import parse_universe_request
from training.queue import leases
from training.runs import services
from training.runs.deletion import sweep_deleted
from training.worker.execute import execute
from training.worker.families import cancel_broken_families
from training.worker.housekeeping import sweep_orphans
from training.worker.outcome import RunOutcome

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
WALK = {"universe": "few", "horizon": 5, "walk_forward": {"folds": 3, "step": 30}}


def ask(user: Any = None, **more: Any) -> TrainingRun:
    return services.run_create(user=user, spec=parse_universe_request({**WALK, **more}))


def carry_next() -> TrainingRun | None:
    """What a worker would take now, carried to its end."""
    cancel_broken_families()
    turn = leases.next_queued()
    if turn is None:
        return None
    token = leases.claim(turn, host="test", pid=os.getpid())
    assert token is not None
    try:
        execute(run_pk=turn, token=token)
    except Exception as problem:
        ending = RunOutcome.of_exception(problem)
        assert ending.reason
        leases.finish(turn, token, status=Status.FAILED, error=ending.sentence, error_reason=ending.reason)
    return TrainingRun.objects.get(pk=turn)


def folds_of(walk: TrainingRun) -> list[TrainingRun]:
    return list(TrainingRun.objects.filter(parent=walk).order_by("pk"))


def walk_to_pool() -> TrainingRun:
    """A walk whose folds have all ended."""

    def make() -> None:
        make_universe()
        ask()
        for _ in range(3):
            carry_next()

    prepare("walk to pool", make)
    return TrainingRun.objects.get(kind="walk")


def told() -> dict[str, Any]:
    out = io.StringIO()
    call_command(
        "walk_forward", "--universe", "few", "--horizon", "5", "--folds", "3", "--step", "30", "--json", stdout=out
    )
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def result_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what names this one run and who asked for it when."""
    own = {"run_id", "timestamp", "created_by", "created_at", "started_at", "finished_at", "config"}
    return {name: value for name, value in answer.items() if name not in own}


@pytest.mark.django_db(transaction=True)
def test_it_gives_what_the_command_gives_bit_for_bit(alice: User, bob: User, api: ApiOf) -> None:
    make_universe()
    asked = api(alice).post("/api/training/runs", WALK)
    assert asked.status_code == 202
    address = f"/api/training/runs/{asked.json()['run_id']}"
    kinds = []
    while run := carry_next():
        kinds.append(run.kind)
        seen = api(bob).get(address).json()
        assert len(seen["folds"]) == min(len(kinds), 3)
    assert kinds == ["fold", "fold", "fold", "walk"]
    shown, command = api(bob).get(address).json(), told()
    assert shown["status"] == "completed" and shown["kind"] == "walk"
    assert result_of(shown) == result_of(command)
    recorded = api(bob).get(f"/api/training/runs/{command['run_id']}").json()
    assert recorded == command and recorded["created_by"] is None
    assert Trial.objects.count() == 1 and not ModelVersion.objects.exists()


def test_it_waits_for_its_folds_and_leaves_nothing_on_the_disk() -> None:
    make_universe()
    walk = ask()
    folds = folds_of(walk)
    assert [fold.config["fold"] for fold in folds] == [1, 2, 3] and {fold.kind for fold in folds} == {"fold"}
    tokens = [leases.claim(fold.pk, host="test", pid=1) for fold in folds]
    assert leases.next_queued() is None
    for fold, token in zip(folds, tokens, strict=True):
        assert token
        execute(run_pk=fold.pk, token=token)
    sweep_orphans()
    assert not {run_folder(fold.run_id) for fold in folds} & set(inventory().orphaned)
    assert leases.next_queued() == walk.pk
    carry_next()
    assert not [fold for fold in folds if Path(artifact_storage().path(run_folder(fold.run_id))).exists()]


def test_it_fails_by_the_fold_that_failed() -> None:
    make_universe()
    walk = ask()
    first, second, _third = folds_of(walk)
    token = leases.claim(second.pk, host="test", pid=1)
    assert token
    leases.finish(second.pk, token, status=Status.FAILED, error="Too warm.", error_reason="bad_data")
    assert carry_next() == walk
    walk.refresh_from_db()
    assert (walk.status, walk.error) == (Status.FAILED, "Fold 2 of 3 failed: Too warm.")
    assert [fold.status for fold in folds_of(walk)] == ["cancelled", "failed", "cancelled"]
    assert first.pk and carry_next() is None


def test_it_says_when_there_is_too_little_data() -> None:
    make_universe(bars=220)
    walk = ask()
    carry_next()
    carry_next()
    walk.refresh_from_db()
    assert walk.error.startswith("Fold 1 of 3 failed: Too little data: 155 days")


def test_it_refuses_to_pool_folds_of_different_bars() -> None:
    walk, series = walk_to_pool(), list(Series.objects.order_by("pk"))
    change_after(series[0], load_bars(series[0]), 400)
    carry_next()
    walk.refresh_from_db()
    assert "changed while the folds were under way" in walk.error


def test_it_notices_a_changed_file_of_a_fold() -> None:
    walk = walk_to_pool()
    Path(artifact_storage().path(f"{run_folder(folds_of(walk)[1].run_id)}/said.npz")).write_bytes(b"x")
    carry_next()
    walk.refresh_from_db()
    assert walk.error_reason == "integrity" and "fold 2" in walk.error


def test_it_is_cancelled_and_deleted_with_its_folds(alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    walk, browser = ask(alice), browser_of(alice)
    running, *_ = folds_of(walk)
    leases.claim(running.pk, host="test", pid=1)
    assert browser.post(f"/runs/{walk.run_id}/delete").status_code == 302
    walk.refresh_from_db()
    assert walk.deleted_at is None  # not over yet
    browser.post(f"/runs/{walk.run_id}/cancel")
    assert [fold.status for fold in folds_of(walk)] == ["running", "cancelled", "cancelled"]
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    browser.post(f"/runs/{walk.run_id}/delete")
    walk.refresh_from_db()
    assert walk.status == Status.CANCELLED and walk.deleted_at is not None


def test_it_is_swept_with_what_its_folds_left_on_the_disk() -> None:
    make_universe()
    walk = ask()
    carry_next()
    folder = Path(artifact_storage().path(run_folder(folds_of(walk)[0].run_id)))
    assert folder.is_dir()
    services.run_cancel(run=walk, user=None)
    services.run_delete(run=walk, user=None)
    TrainingRun.objects.filter(pk=walk.pk).update(deleted_at=timezone.now() - timedelta(minutes=11))
    assert sweep_deleted(10) == 1 and not folder.exists()
    assert not TrainingRun.objects.exists()


def test_it_counts_as_one_active_run(alice: User, settings: Any) -> None:
    make_universe()
    settings.MAX_ACTIVE_PER_USER, settings.MAX_QUEUED = 2, 2
    ask(alice)
    ask(alice)
    with pytest.raises(TooManyRuns):
        ask(alice)
    assert TrainingRun.objects.filter(status__in=ACTIVE).count() == 8


def test_it_is_one_line_of_every_list(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_universe()
    walk = ask(alice)
    fold = folds_of(walk)[0]
    assert [run["run_id"] for run in api(alice).get("/api/training/runs").json()] == [walk.run_id]
    page = browser_of(alice).get("/runs/")
    assert walk.run_id in page.text and fold.run_id not in page.text
    assert browser_of(alice).get(f"/runs/{fold.run_id}/").status_code == 302
    part = api(alice).get(f"/api/training/runs/{fold.run_id}").json()
    assert (part["kind"], part["parent"]) == ("fold", walk.run_id)


def test_it_finds_whose_turn_it_is_with_as_many_queries_however_many_folds() -> None:
    make_universe()
    counts = []
    for folds in (2, 20):
        ask(walk_forward={"folds": folds, "step": 5})
        with CaptureQueriesContext(connection) as seen:
            leases.next_queued()
        counts.append(len(seen))
    assert counts == [3, 3]  # whether several wait, then of the persons who wait, then of their runs


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"walk_forward": 3}, "walk_forward"),
        ({"walk_forward": {"folds": 0}}, "folds"),
        ({"walk_forward": {"step": True}}, "step"),
        ({"walk_forward": {"window": "square"}}, "window"),
        ({"walk_forward": {"stride": 5}}, "stride"),
        ({"walk_forward": {}, "refit": False}, "refit"),
        ({"walk_forward": {}, "universe": "none"}, "universe"),
    ],
)
def test_it_refuses_what_it_does_not_know(body: dict[str, Any], field: str, alice: User, api: ApiOf) -> None:
    make_universe(bars=5)
    answer = api(alice).post("/api/training/runs", body)
    assert answer.status_code == 400 and field in answer.json()


def test_its_page_shows_the_folds_as_they_come(alice: User, bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    walk, browser = ask(alice), browser_of(bob)
    assert "0 of 3 folds" in browser.get(f"/runs/{walk.run_id}/").text
    carry_next()
    fold = folds_of(walk)[0]
    part = browser.get(f"/runs/{walk.run_id}/", headers={"HX-Request": "true"}).text
    assert "1 of 3 folds" in part and fold.result["fold"]["first"] in part and "data-poll" in part
    while carry_next():
        pass
    done = browser.get(f"/runs/{walk.run_id}/").text
    assert "evidence" in done.lower() and "data-poll" not in done and "Pooled" in done

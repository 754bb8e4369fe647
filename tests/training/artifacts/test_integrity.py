"""What is stored is what the database says, and what isn't is found."""

import io
import json
import os
import resource
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from boursomatic.accounts.audit import audit
from boursomatic.backup.artifacts import STAGING
from tests.market import candle, make_series
from tests.training.carrying import carried
from tests.training.run_builders import make_run
from training.artifacts import marker
from training.artifacts.integrity import SWEPT
from training.artifacts.loading import stored_model
from training.artifacts.storage import artifact_storage, run_folder
from training.errors import RunRefused
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.queue import leases
from training.runs.services import run_create
from training.worker import execute, runner
from training.worker.child import Child
from training.worker.housekeeping import sweep_orphans

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.0, "confirm": False}


@pytest.fixture(autouse=True)
def root(db: None, settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = {**settings.STORAGES, "artifacts": {**settings.STORAGES["artifacts"],
                         "OPTIONS": {"location": str(tmp_path)}}}  # fmt: skip
    marker.renew()
    return tmp_path


@pytest.fixture
def run() -> TrainingRun:
    make_series()
    return carried(BODY)


def verify(*options: str) -> dict[str, Any]:
    said = io.StringIO()
    try:
        call_command("verify_artifacts", "--json", *options, stdout=said)
    except CommandError:
        found: dict[str, Any] = json.loads(said.getvalue())
        assert found["missing"] or found["changed"]
        return found
    found = json.loads(said.getvalue())
    assert not found["missing"] and not found["changed"]
    return found


def put_folder(root: Path, path: str) -> None:
    (root / path).mkdir(parents=True)
    (root / path / "model.txt").write_text("tree")


def test_it_finds_nothing_wrong_with_a_sound_run(run: TrainingRun) -> None:
    found = verify()
    assert (found["models"], found["files"], found["orphaned"]) == (1, len(run.model_version.files), [])


def test_it_finds_what_is_missing_and_what_was_changed(run: TrainingRun, root: Path) -> None:
    folder = root / run_folder(run.run_id)
    (folder / "model.txt").write_text((folder / "model.txt").read_text().replace("1", "2", 1))
    (folder / "manifest.json").unlink()
    found = verify()
    assert found["changed"] == [f"{run_folder(run.run_id)}/model.txt"]
    assert found["missing"] == [f"{run_folder(run.run_id)}/manifest.json"]


def test_it_refuses_to_load_a_changed_model(run: TrainingRun, root: Path) -> None:
    path = root / run_folder(run.run_id) / "model.txt"
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(Exception, match="integrity"):
        stored_model(run.run_id)


def test_it_refuses_one_that_is_changed_while_it_is_in_memory(run: TrainingRun, root: Path) -> None:
    """Its size and time of change as before: whoever means harm sees to those."""
    sound = stored_model(run.run_id)
    assert stored_model(run.run_id) is sound
    path = root / run_folder(run.run_id) / "model.txt"
    written, status = path.read_text(), path.stat()
    path.write_text(written.replace("1", "2", 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(RunRefused, match=r"integrity: model\.txt has changed"):
        stored_model(run.run_id)
    path.unlink()
    with pytest.raises(RunRefused, match=r"integrity: a file of model .* is missing"):
        stored_model(run.run_id)
    path.write_text(written)
    assert stored_model(run.run_id) is not sound


def test_it_finds_and_sweeps_what_belongs_to_nothing(run: TrainingRun, root: Path) -> None:
    stray = f"{run_folder(run.run_id)}/notes.txt"
    (root / stray).write_text("x")
    unheard = run_folder("20200101_000000_abcd")
    put_folder(root, unheard)
    assert verify()["orphaned"] == [unheard, stray]
    assert verify("--sweep")["swept"]
    assert verify()["orphaned"] == []
    assert (root / run_folder(run.run_id) / "model.txt").is_file()


def test_it_sweeps_by_itself_only_what_is_surely_over(root: Path) -> None:
    folders = {status: run_folder(make_run(None, status=status).run_id) for status in Status}
    removed, unheard = run_folder("20200101_000000_gone"), run_folder("20200101_000000_else")
    audit(None, SWEPT, "20200101_000000_gone")
    staged = f"{STAGING}/{TrainingRun.objects.get(status=Status.FAILED).run_id}.{uuid.uuid4().hex}"
    for path in (*folders.values(), removed, unheard, staged):
        put_folder(root, path)
    assert sweep_orphans() == 5
    left = {path for path in (*folders.values(), removed, unheard, staged) if (root / path).exists()}
    assert left == {folders[Status.QUEUED], folders[Status.RUNNING], unheard}


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_it_fails_a_run_whose_files_find_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it comes to its files, the kernel refuses the run's process more than 4 KiB each."""
    monkeypatch.setattr(execute, "WRITE_EVERY_S", 600)  # SQLite's file is limited as well
    make_series()
    run = run_create(user=None, spec=parse_candle_spec(BODY))
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None

    def limit(stage: str, _progress: float, _message: str) -> None:
        if stage == "write":
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def train() -> None:
        execute.execute(run_pk=run.pk, token=token, tell=limit)

    connections.close_all()
    child = Child.start(train)
    assert child.wait(300)
    ending = child.outcome()
    child.kill()
    runner.conclude(runner.Held(run.pk, run.run_id, run.kind, token, 1), ending)
    run.refresh_from_db()
    assert (run.status, run.error_reason) == (Status.FAILED, "disk_full")
    assert run.error.startswith("The disk is full")
    assert not ModelVersion.objects.exists()
    assert artifact_storage().folders() == {}

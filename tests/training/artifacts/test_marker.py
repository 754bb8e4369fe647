"""An artifact store that isn't mounted, or is another database's, is found out before anything is made of it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models.signals import post_save
from django.test import Client

from boursomatic.backup.artifacts import MARKER
from instruments.imports.uploads import upload_create
from tests.instruments.uploaded import FRENCH, file, five
from tests.market import candle, make_series
from tests.training.carrying import carry
from tests.training.run_builders import make_model, make_run
from training.artifacts import marker
from training.artifacts.storage import artifact_storage, run_folder
from training.errors import RunRefused, StoreAway
from training.models import ModelVersion, Status, StoreMarker, WorkerProcess
from training.quant.candle.request import parse_candle_spec
from training.queue import hosts, leases
from training.recipes.store.spec import StoreSpec
from training.runs.services import run_create
from training.worker import heartbeat
from training.worker.execute import execute
from training.worker.runner import _turn

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
NO_STORE, NOT_MOUNTED, OTHERS = (
    "has no artifact store yet",
    "is not mounted, or not this",
    "belongs to another database",
)


@pytest.fixture(autouse=True)
def root(db: None, settings: Any, tmp_path: Path) -> Path:
    """A store that nobody has marked, and a database that knows of none."""
    options = {"location": str(tmp_path / "artifacts")}
    own = {**settings.STORAGES["artifacts"], "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "artifacts": own}
    StoreMarker.objects.all().delete()
    return tmp_path / "artifacts"


@pytest.fixture
def model(alice: User) -> ModelVersion:
    run = make_run(alice, status=Status.COMPLETED, result={})
    return make_model(run, folder=run_folder(run.run_id))


def put_files(model: ModelVersion) -> None:
    with artifact_storage().staged(model.run.run_id, {"model.txt": b"tree"}) as folder:
        folder.publish()


def is_marked() -> bool:
    """By what the end of `migrate` makes of it."""
    marker.settle()
    return marker.problem() == ""


def test_the_first_migrate_marks_both_and_the_next_one_changes_nothing(root: Path) -> None:
    assert NO_STORE in marker.problem()
    call_command("migrate", verbosity=0)
    drawn = (root / MARKER).read_text().strip()
    assert drawn == StoreMarker.objects.get().marker and marker.problem() == ""
    call_command("migrate", verbosity=0)
    assert drawn == (root / MARKER).read_text().strip() == StoreMarker.objects.get().marker


def test_a_store_that_was_never_used_is_marked_again(root: Path) -> None:
    assert is_marked()
    (root / MARKER).unlink()
    assert NOT_MOUNTED in marker.problem() and is_marked()


def test_one_that_is_not_mounted_is_not_marked(model: ModelVersion, root: Path) -> None:
    put_files(model)
    assert is_marked()
    root.rename(root.with_name("elsewhere"))
    assert not is_marked() and NOT_MOUNTED in marker.problem() and not (root / MARKER).exists()
    root.with_name("elsewhere").rename(root)
    assert marker.problem() == ""


def test_another_databases_store_is_not_taken(root: Path) -> None:
    with artifact_storage().staged("theirs", {"model.txt": b"tree"}) as folder:
        folder.publish()
    artifact_storage().write_marker("theirs")
    assert not is_marked() and NO_STORE in marker.problem()
    StoreMarker.objects.create(pk=1, marker="ours")
    assert not is_marked() and OTHERS in marker.problem() and "write ours into that file" in marker.problem()
    artifact_storage().write_marker("ours")
    assert marker.problem() == ""


def test_an_installation_of_before_gets_both_where_the_store_is_its_own(model: ModelVersion, root: Path) -> None:
    assert not is_marked() and NO_STORE in marker.problem() and not (root / MARKER).exists()
    put_files(model)
    assert is_marked()


def test_a_database_without_models_takes_no_store_that_holds_files_of_runs(root: Path) -> None:
    """A start whose DATABASE_URL was lost would otherwise mark another site's store, one of before the marker."""
    with artifact_storage().staged("theirs", {"model.txt": b"tree"}) as folder:
        assert is_marked(), "a file that was never published is nobody's"
        folder.publish()
    StoreMarker.objects.all().delete()
    (root / MARKER).unlink()
    assert not is_marked() and NO_STORE in marker.problem() and not (root / MARKER).exists()
    artifact_storage().discard(run_folder("theirs"))
    assert is_marked()


def test_a_database_without_models_never_shares_the_marker_of_another() -> None:
    """Who was given another site's store is noticed there at once, while neither has a model."""
    artifact_storage().write_marker("theirs")
    assert is_marked() and StoreMarker.objects.get().marker == artifact_storage().marker() != "theirs"


def test_a_database_of_before_the_marker_takes_that_of_its_store(model: ModelVersion) -> None:
    put_files(model)
    artifact_storage().write_marker("there")
    assert is_marked() and StoreMarker.objects.get().marker == "there"


def test_a_store_that_cannot_be_read_says_so(root: Path) -> None:
    (root / MARKER).mkdir(parents=True)
    assert "can't be read" in marker.problem() and not is_marked()


def test_it_is_said_to_who_asks_and_nothing_is_trained(client: Client, dave: User) -> None:
    run = make_run(dave, status=Status.QUEUED)
    heartbeat.beat([])
    assert is_marked() and _turn() == run.pk
    heartbeat.beat([1])
    assert client.get("/readyz").status_code == 200
    artifact_storage().write_marker("other")
    answer = client.get("/readyz")
    assert answer.status_code == 503 and list(answer.json()["missing"]) == ["artifacts"]
    assert "verify_artifacts says more" in answer.json()["missing"]["artifacts"] and "other" not in answer.text
    assert _turn() is None
    token = leases.claim(run.pk, host="h", pid=1)
    assert token
    with pytest.raises(RunRefused, match=OTHERS):
        execute(run_pk=run.pk, token=token)
    out = io.StringIO()
    with pytest.raises(CommandError, match=OTHERS):
        call_command("verify_artifacts", "--json", stdout=out)
    assert OTHERS in json.loads(out.getvalue())["marker"] and json.loads(out.getvalue())["orphaned"] == []
    with pytest.raises(CommandError, match=OTHERS):
        call_command("verify_artifacts", "--sweep")


@pytest.mark.parametrize("moment", ["while it trains", "when its files are staged"])
def test_one_that_goes_away_during_a_run_gets_no_files_of_it(root: Path, moment: str) -> None:
    def go_away(*_: object, **__: object) -> None:
        if root.exists():
            root.rename(root.with_name("elsewhere"))

    make_series()
    assert is_marked()
    run = run_create(user=None, spec=parse_candle_spec({"candle_date": candle(500), "symbol": "SPY"}))
    token = leases.claim(run.pk, host="h", pid=1)
    assert token
    tell = go_away if moment == "while it trains" else None
    if not tell:
        post_save.connect(go_away, sender=ModelVersion)
    try:
        with pytest.raises(RunRefused, match=NOT_MOUNTED):
            execute(run_pk=run.pk, token=token, tell=tell)
    finally:
        post_save.disconnect(go_away, sender=ModelVersion)
    assert not root.exists() and not ModelVersion.objects.exists()
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_a_run_whose_files_go_away_with_their_disk_waits_and_goes_on(root: Path, carol: User) -> None:
    assert is_marked()
    upload = upload_create(user=carol, files=[five(), file(FRENCH, "BNP.csv")])
    run = run_create(user=carol, spec=StoreSpec(str(upload.pk)))
    elsewhere = root.with_name("elsewhere")

    def unmount(stage: str, *_: object) -> None:
        if stage == "store" and root.exists():
            root.rename(elsewhere)  # with one file read, and one not

    token = leases.claim(run.pk, host="h", pid=1)
    assert token
    with pytest.raises(StoreAway, match=NOT_MOUNTED):
        execute(run_pk=run.pk, token=token, tell=unmount)
    elsewhere.rename(root)
    leases.requeue(run.pk, token, "The artifact store was away", counts=False)
    done = carry(run)
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert (done.result["read"], done.result["inserted"], done.result["unchanged"]) == (8, 3, 5)


def test_a_worker_of_another_host_says_that_its_store_is_not_the_databases(client: Client, dave: User) -> None:
    assert is_marked()
    heartbeat.beat([1], has_store=False)
    assert hosts.missing() == "The artifact store of all workers can't be reached, or is not this database's"
    client.force_login(dave)
    assert "The artifact store of this host can't be reached, or" in client.get("/workers/").text
    heartbeat.beat([1])
    assert hosts.missing() is None and WorkerProcess.objects.get().has_store
    assert "The artifact store of this host" not in client.get("/workers/").text

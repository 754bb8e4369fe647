"""A whole site backed up while others write, lost, and brought back: on both databases."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Scope
from boursomatic.accounts.tokens import token_create
from boursomatic.backup.artifacts import MARKER
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.generations import generations
from boursomatic.backup.postgresql import PostgresDatabase, _program
from boursomatic.env import ROOT
from tests.faults.crew import children, environment, until
from tests.faults.site import Site
from tests.legacy.test_legacy import HERE, _database
from tests.market import candle, make_series
from tests.people import ApiOf
from tests.training.carrying import carried
from tests.training.run_builders import make_run
from training.artifacts.storage import artifact_storage
from training.models import Status, TrainingRun, WorkerProcess
from training.recipes.backup.site import this_database
from training.runs.services import run_delete

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes, pytest.mark.slow]
BODY = {"candle_date": candle(560), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20, "confirm": False}
HALF_SQL = """SELECT count(*) FROM instruments_series AS series WHERE rows <>
    (SELECT count(*) FROM instruments_pricebar WHERE series_id = series.id)"""
SILENT_SQL = """SELECT count(*) FROM training_trainingrun AS run WHERE kind = 'check' AND NOT EXISTS
    (SELECT 1 FROM training_runevent WHERE run_id = run.id)"""


@pytest.fixture
def run(alice: User) -> TrainingRun:
    make_series(bars=600)
    return carried(BODY, user=alice)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def empty(home: Path) -> Iterator[dict[str, str]]:
    """Where to restore to, as `into`, and the environment of the site that is there then."""
    here = {**environment(), "BOURSOMATIC_HOME": str(home), "BOURSOMATIC_DEMO": "0", "BOURSOMATIC_WORKERS": "0"}
    if connection.vendor == "sqlite":
        yield {**here, "DATABASE_URL": "", "into": str(home)}
        return
    with on_server(f"CREATE DATABASE {(name := f'restored_{os.getpid()}')}"):
        url = here["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        yield {**here, "DATABASE_URL": url, "into": url}
    with on_server(f"DROP DATABASE {name} WITH (FORCE)"):
        pass


@contextmanager
def on_server(sql: str) -> Iterator[None]:
    config = connection.settings_dict
    with closing(psycopg2.connect(host=config["HOST"], user=config["USER"], dbname="postgres")) as server:
        server.autocommit = True
        server.cursor().execute(sql)
    yield


def manage(*words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What a command answers that does what it is asked for."""
    command = [sys.executable, "manage.py", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env or environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def refusal(words: list[str], env: dict[str, str]) -> str:
    """The one line that a command says which does nothing."""
    command = [sys.executable, "manage.py", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    return done.stderr


def restored(folder: str, empty: dict[str, str]) -> dict[str, Any]:
    return manage("restore", folder, "--into", empty["into"], env=empty)


def value_in(empty: dict[str, str], sql: str) -> Any:
    is_sqlite = not empty["DATABASE_URL"]
    path = Path(empty["into"]) / "boursomatic.sqlite3"
    with closing(sqlite3.connect(path) if is_sqlite else psycopg2.connect(empty["into"])) as there:
        cursor = there.cursor()
        cursor.execute(sql)
        return cursor.fetchone()[0]


@contextmanager
def writer(folder: Path) -> Iterator[Callable[[], int]]:
    """A process that writes all the time; how often it has."""
    said = folder / "said"
    with said.open("wb") as out:
        command = [sys.executable, "-m", "tests.backup.writer", str(folder)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=out)

    def writes() -> int:
        assert process.poll() is None, "the writer has ended"
        return said.read_text().count("\n")

    try:
        yield writes
    finally:
        process.kill()
        process.wait()


def test_it_comes_back_as_it_was_although_others_wrote(
    alice: User, run: TrainingRun, api: ApiOf, tmp_path: Path, empty: dict[str, str]
) -> None:
    client, (_, token) = api(alice), token_create(user=alice, scopes=tuple(Scope))
    asked = f"/api/poc-predictions/{run.run_id}?start_date=2019-06-01&end_date=2020-04-01"
    predictions, bars = client.post(asked).json(), client.get("/api/instruments/SPY/bars").json()
    assert predictions["total_predictions"] > 100
    held = make_run(alice, status=Status.RUNNING, attempt=3)
    Session.objects.create(session_key="s" * 32, session_data="x", expire_date=timezone.now())
    OrmQ.objects.create(key="boursomatic", payload="x", lock=timezone.now())
    WorkerProcess.objects.create(host="h", pid=1, started_at=timezone.now(), beat_at=timezone.now())
    place = tmp_path / "backups"
    with writer(tmp_path) as writes:
        for _ in range(4):
            before = until(writes, what="a write")
            answer = manage("backup", str(place), "--keep", "3")
            assert writes() > before, "others waited for the backup"
    assert {"folder", "database_bytes", "artifacts", "sha256", "seconds"} <= set(answer)
    assert answer["artifacts"] == answer["linked"] == len(run.model_version.files)
    whole = generations(place)
    assert len(whole) == 3 and str(whole[0].folder) == answer["folder"]
    shared = [
        {(each.folder / name).stat().st_ino for each in whole} for name in whole[0].manifest.files if "model" in name
    ]
    assert shared and all(len(inodes) == 1 for inodes in shared)
    shutil.rmtree(Path(artifact_storage().location) / run.model_version.folder)

    back = restored(answer["folder"], empty)
    assert all(both["backup"] == both["restored"] for both in back["counts"].values()), back["counts"]
    assert back["counts"]["bars"]["restored"] > 600 and back["counts"]["models"]["restored"] == 1
    checked = back["artifacts"]
    assert (checked["missing"], checked["changed"], checked["orphaned"]) == ([], [], [])
    assert (back["requeued"], back["migrations"]) == (1, 0) and "entered again" in back["secret"]
    assert value_in(empty, HALF_SQL) == value_in(empty, SILENT_SQL) == 0, "no import and no run is there by half"
    mark = (Path(empty["BOURSOMATIC_HOME"]) / "artifacts" / MARKER).read_text().strip()
    assert mark == value_in(empty, "SELECT marker FROM training_storemarker") != artifact_storage().marker()
    assert checked["marker"] == ""
    audit = manage("verify_audit", env=empty)
    assert audit["intact"] and audit["entries"] == whole[0].manifest.tables["accounts_auditentry"] + 1
    entered = "SELECT {} FROM accounts_auditentry WHERE action = 'backup.restore'"
    assert value_in(empty, entered.format("subject")) == whole[0].name
    assert whole[0].manifest.made_at in str(value_in(empty, entered.format("details")))
    assert value_in(empty, entered.format("number")) == audit["entries"], "and it is chained"
    made = list(AuditEntry.objects.filter(action="backup.make").order_by("pk"))
    assert [entry.subject for entry in made][-3:] == [each.name for each in reversed(whole)]
    assert made[-1].details == {"bytes": whole[0].manifest.size, "sha256": answer["sha256"]}
    for table in ("django_session", "django_q_ormq", "training_workerprocess"):
        assert value_in(empty, f"SELECT count(*) FROM {table}") == 0
    status = value_in(empty, f"SELECT status FROM training_trainingrun WHERE run_id = '{held.run_id}'")
    assert status == Status.QUEUED
    here, url = Path(empty["BOURSOMATIC_HOME"]), empty["DATABASE_URL"]
    site = Site(here, DATABASE_URL=url, BOURSOMATIC_DEMO="0", BOURSOMATIC_WORKERS="0")
    try:
        site.wait_ready()
        assert site.ask("POST", asked, token=token) == (200, predictions)
        assert site.ask("GET", "/api/instruments/SPY/bars", token=token) == (200, bars)
        assert "is in use" in refusal(["restore", answer["folder"], "--into", empty["into"]], empty)
    finally:
        site.destroy()


def test_what_was_deleted_meanwhile_is_deleted_in_what_came_back(
    run: TrainingRun, tmp_path: Path, empty: dict[str, str]
) -> None:
    from boursomatic.backup.make import backup_make  # noqa: PLC0415
    from training.recipes.backup.site import this_site  # noqa: PLC0415

    def delete(share: float, stage: str) -> None:
        if stage == "files of models" and not TrainingRun.objects.filter(deleted_at__isnull=False).exists():
            run_delete(run=run, user=None)
            artifact_storage().discard(run.model_version.folder)

    backup = backup_make(this_site(), tmp_path / "backups", tell=delete)
    assert list(backup.manifest.deleted_meanwhile) == [run.model_version.folder]
    back = restored(str(backup.folder), empty)
    assert back["artifacts"]["missing"] == [] and back["deleted_meanwhile"] == [run.model_version.folder]
    assert value_in(empty, "SELECT count(*) FROM training_trainingrun WHERE deleted_at IS NOT NULL") == 1


def test_killed_in_the_middle_neither_leaves_half_of_anything(
    run: TrainingRun, tmp_path: Path, home: Path, empty: dict[str, str]
) -> None:
    place = tmp_path / "backups"
    _killed(["backup", str(place)], environment(), lambda: list(place.glob(".partial-*")))
    assert generations(place) == []
    folder = manage("backup", str(place))["folder"]
    assert [path.name for path in place.glob("*") if path.name != ".backup.lock"] == [Path(folder).name]
    for moment in ("serve.lock", "artifacts/.staging/restore.*"):
        _killed(["restore", folder, "--into", empty["into"]], empty, lambda name=moment: list(home.glob(name)))
        assert not (home / "boursomatic.sqlite3").exists()
        if empty["DATABASE_URL"]:
            assert PostgresDatabase.of_dsn(empty["into"]).tables() == []
    back = restored(folder, empty)
    assert back["counts"]["models"] == {"backup": 1, "restored": 1} and back["artifacts"]["orphaned"] == []


def _killed(words: list[str], env: dict[str, str], moment: Any) -> None:
    """A command that is ended by SIGKILL as soon as `moment` has come, and with it what it started."""
    command = [sys.executable, "manage.py", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, stderr=subprocess.DEVNULL)
    until(lambda: moment() or process.poll() is not None, poll_s=0.001, what="the moment")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -9, "it had come to its end before"
    until(lambda: not _in_session(process.pid), what="the end of what it started")


def _in_session(pid: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] != "Z":
            found.append(path.parent.name)
    return found


def test_it_refuses_in_words(run: TrainingRun, tmp_path: Path, empty: dict[str, str]) -> None:
    folder = manage("backup", str(tmp_path / "backups"))["folder"]
    restored(folder, empty)
    is_there = "isn't empty: it holds" if empty["DATABASE_URL"] else "has a database already"
    assert is_there in refusal(["restore", folder, "--into", empty["into"]], empty)
    assert "which a backup must not" in refusal(["backup", str(settings.ARTIFACT_ROOT / "x")], environment())
    assert "must be 1 or more" in refusal(["backup", str(tmp_path / "y"), "--keep", "0"], environment())


def test_it_takes_no_artifact_store_that_another_database_may_use(
    run: TrainingRun, tmp_path: Path, empty: dict[str, str], home: Path
) -> None:
    """A home without a database has nobody else: there the marker is of a restore that was killed."""
    folder = manage("backup", str(tmp_path / "backups"))["folder"]
    (mark := home / "artifacts" / MARKER).parent.mkdir(parents=True)
    mark.write_text("a site's")
    if empty["DATABASE_URL"]:
        assert "is the artifact store of a site" in refusal(["restore", folder, "--into", empty["into"]], empty)
        assert mark.read_text() == "a site's" and not PostgresDatabase.of_dsn(empty["into"]).tables()
        mark.unlink()
    restored(folder, empty)
    assert mark.read_text() != "a site's"


def test_a_site_of_an_older_version_is_migrated(tmp_path: Path, empty: dict[str, str]) -> None:
    """Backed up by the code of today before it was migrated, as an update would."""
    old = tmp_path / "old"
    with tarfile.open(HERE / "artifacts.tar.gz") as tar:
        tar.extractall(old / "artifacts", filter="data")
    with _database(old) as url:
        env = {**environment(), "BOURSOMATIC_HOME": str(old), "DATABASE_URL": url}
        folder = manage("backup", str(tmp_path / "backups"), env=env)["folder"]  # which its audit has no columns for
    back = restored(folder, empty)
    assert (
        manage("verify_audit", env=empty)["intact"]
        and back["migrations"] > 20
        and back["counts"]["models"]["restored"] > 3
    )
    assert (back["artifacts"]["missing"], back["artifacts"]["changed"]) == ([], [])
    assert value_in(empty, "SELECT count(*) FROM training_trial") > 0, "a table that it had not"


def test_no_password_is_seen(run: TrainingRun, tmp_path: Path) -> None:
    """By those who list processes, or read what went wrong."""
    if connection.vendor == "sqlite":
        assert "password" not in vars(this_database())
        return
    seen: list[str] = []

    def look(share: float, stage: str) -> None:
        for pid in children(os.getpid()):
            seen.append(Path(f"/proc/{pid}/cmdline").read_text())

    config = {**connection.settings_dict, "PASSWORD": "hushhush"}
    PostgresDatabase.of_settings(config).dump(tmp_path / "dump", look)
    assert any("pg_dump" in text for text in seen) and not any("hushhush" in text for text in seen)
    with pytest.raises(BackupRefused, match="pg_restore failed") as refusal:
        PostgresDatabase.of_settings(config).restore(tmp_path / "dump", look)
    assert "hushhush" not in str(refusal.value)


def test_it_says_which_program_is_missing_or_too_old() -> None:
    with pytest.raises(BackupRefused, match=r"pg_nothing is missing on this host\. On Debian"):
        _program("pg_nothing", 15)
    with pytest.raises(
        BackupRefused, match=r"pg_dump is of PostgreSQL \d+, the server of 99\. Install the client of 99"
    ):
        _program("pg_dump", 99)

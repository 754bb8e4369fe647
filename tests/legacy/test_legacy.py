"""A database and artifacts made by release 0.1.0 (make.py) migrate, and answer as they did then.

In processes and a database of their own, so that neither the suite's database nor its caches see any of it.
"""

import gzip
import json
import math
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings

pytestmark = [pytest.mark.db_both, pytest.mark.slow]
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDED: dict[str, Any] = json.loads((HERE / "answers.json").read_text())
MIGRATE_S, ANSWER_S, WAIT_S = 300, 300, 360

# What may differ from what was recorded, below a key of this name: how many tries a verdict is adjusted by, and so its
# wording, is a rule of the release, not of the data. The label is not among them. So is the wording of other sentences.
MAY_DIFFER = {
    "verdict": {"adjusted_p_value", "tries", "sentence", "level", "trial"},
    "live_score": {"sentence"},
    "body": {"warning"},
}
MAY_GROW = {"AuditEntry", "TrainingRun"}  # a migration may say what it did; what schedules began are runs now


@dataclass(frozen=True)
class Legacy:
    """What release 0.1.0 left, unpacked."""

    home: Path
    url: str

    def run(self, *arguments: str, seconds: float) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.env(), cwd=ROOT, capture_output=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-5000:]
        return done.stdout.decode()

    def env(self) -> dict[str, str]:
        """tests.settings takes its home from BOURSOMATIC_TEST_HOME; without a URL it is SQLite in that home."""
        mine = {"BOURSOMATIC_TEST_HOME": str(self.home), "DATABASE_URL": self.url}
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **mine}


@contextmanager
def unpacked(home: Path) -> Iterator[Legacy]:
    """Migrated, too."""
    with tarfile.open(HERE / "artifacts.tar.gz") as tar:
        tar.extractall(home / "artifacts", filter="data")
    with _database(home) as url:
        legacy = Legacy(home, url)
        legacy.run("manage.py", "migrate", "--no-input", seconds=MIGRATE_S)
        yield legacy


@contextmanager
def _database(home: Path) -> Iterator[str]:
    """Filled from the dump: a file in `home`, or a database beside the suite's own on its server."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        with closing(sqlite3.connect(home / "boursomatic.sqlite3")) as file:
            file.executescript(_text("sqlite.sql.gz"))
        yield ""
        return
    server, name = os.environ["DATABASE_URL"], f"legacy_{uuid4().hex}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    _execute(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        _execute(url, _text("postgres.sql.gz"))
        yield url
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, text: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True  # databases are made and dropped outside of transactions
        with connection.cursor() as cursor:
            cursor.execute(text)


def _text(name: str) -> str:
    return gzip.decompress((HERE / name).read_bytes()).decode()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the code of today says of it."""
    with unpacked(tmp_path_factory.mktemp("legacy")) as legacy:
        asks = legacy.home / "asks.json"
        names = ("method", "path", "only", "as")
        asks.write_text(
            json.dumps(
                {
                    "token": RECORDED["token"],
                    "password": RECORDED["password"],
                    "asks": [{name: one[name] for name in names if name in one} for one in RECORDED["answers"]],
                }
            )
        )
        yield json.loads(legacy.run("-m", "tests.legacy.ask", "answers", str(asks), seconds=ANSWER_S))


def differences(was: Any, now: Any, at: str, within: str = "") -> Iterator[str]:
    """Of what was recorded: every key is still there, with the same value. Keys that are new are no difference."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key, value in was.items():
            if key not in now:
                yield f"{at}.{key}: gone (was {_short(value)})"
            elif key not in MAY_DIFFER.get(within, ()):
                yield from differences(value, now[key], f"{at}.{key}", key)
    elif isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            yield f"{at}: {len(now)} of them, was {len(was)}"
        for number, (one, other) in enumerate(zip(was, now, strict=False)):
            yield from differences(one, other, f"{at}[{number}]", within)
    elif not _same(was, now):
        yield f"{at}: {_short(now)}, was {_short(was)}"


def _same(was: Any, now: Any) -> bool:
    """Numbers to 9 digits: the mathematics library of another machine may round the last ones otherwise."""
    numbers = (int, float)
    if (
        isinstance(was, numbers)
        and isinstance(now, numbers)
        and not isinstance(was, bool)
        and not isinstance(now, bool)
    ):
        return math.isclose(was, now, rel_tol=1e-9, abs_tol=1e-12)
    return type(was) is type(now) and bool(was == now)


def _short(value: Any) -> str:
    return repr(value)[:120]


def none_of(found: Iterator[str]) -> None:
    many = list(found)
    assert not many, "\n".join([f"{len(many)} differences:", *many[:40]])


def _name(ask: dict[str, Any]) -> str:
    return f"{ask.get('method', ask.get('as'))} {ask['path']}"


def test_it_answers_over_the_api_as_before(said: dict[str, Any]) -> None:
    asked = [(was, now) for was, now in zip(RECORDED["answers"], said["answers"], strict=True) if "method" in was]
    assert len(asked) > 90
    none_of(
        one
        for was, now in asked
        for one in differences({k: was[k] for k in ("status", "body") if k in was}, now, _name(was))
        if (was["status"], now["status"]) != (404, 200)  # folds are answered for since 0.2.0
    )


def test_it_shows_every_page(said: dict[str, Any]) -> None:
    pages = [(was, now) for was, now in zip(RECORDED["answers"], said["answers"], strict=True) if "as" in was]
    assert len(pages) > 40
    assert [(_name(was), now["status"]) for was, now in pages] == [(_name(was), was["status"]) for was, _ in pages]


@pytest.mark.parametrize("name", RECORDED["rows"])
def test_it_keeps_every_row(said: dict[str, Any], name: str) -> None:
    was, now = RECORDED["rows"][name], said["rows"][name]
    if name == "Schedule":  # what came of its last run is the run's since then
        none_of(differences([[ok, result] for *_, ok, result, _ in was], said["rows"]["last runs"], name))
        was = [row[:7] for row in was]
    none_of(differences(was, now[: len(was)] if name in MAY_GROW else now, name))


def test_it_finds_every_file_as_it_was_written(said: dict[str, Any]) -> None:
    assert RECORDED["verify_artifacts"]["files"] > 60
    none_of(differences(RECORDED["verify_artifacts"], said["verify_artifacts"], "verify_artifacts"))


def test_it_lets_everybody_in_as_before(said: dict[str, Any]) -> None:
    none_of(differences(RECORDED["people"], said["people"], "people"))


@pytest.mark.processes
def test_it_carries_what_waited_in_the_queue(tmp_path: Path) -> None:
    """Runs, a job and a schedule that no worker had taken, kicked by the rows of the release before."""
    waiting = RECORDED["waiting"]
    with unpacked(tmp_path) as legacy, (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"], env=legacy.env(), cwd=ROOT, stdout=log, stderr=log
        )
        try:
            ended = json.loads(legacy.run("-m", "tests.legacy.ask", "wait", *waiting, seconds=WAIT_S))
        finally:
            worker.terminate()
            worker.wait(timeout=60)
    assert ended["runs"] == dict.fromkeys(waiting, "completed"), (tmp_path / "worker.log").read_text()[-3000:]
    assert all(ended["schedules"].values()) and len(ended["schedules"]) == 4


def test_it_would_notice_what_differs() -> None:
    was = {"verdict": {"label": "weak", "tries": 3}, "auc": 0.5, "rows": [1, 2]}
    assert not list(differences(was, {**was, "verdict": {"label": "weak", "tries": 4, "new": 1}, "more": 1}, "run"))
    assert list(differences(was, {"verdict": {"label": "none"}, "auc": 0.6, "rows": [1]}, "run")) == [
        "run.verdict.label: 'none', was 'weak'",
        "run.verdict.tries: gone (was 3)",
        "run.auc: 0.6, was 0.5",
        "run.rows: 1 of them, was 2",
    ]

"""The database or the web server goes away in the middle: nothing is lost, and nothing wrong is shown."""

import io
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from instruments.store.copy import copy
from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import environment, manage
from tests.faults.crew import WAIT_S, group, until
from tests.faults.scale import times
from tests.faults.site import Site
from tests.postgres import Server, server
from training.worker.outcome import OutcomeKind, RunOutcome

pytestmark = pytest.mark.processes

WEB_BACK_S, WORKERS_BACK_S = 10.0, 30.0
OVER = ("completed", "failed", "cancelled")
BODY = {"candle_date": "2015-06-12", "symbol": "WALK", "train_years": 8.0, "protocol": "poc", "confirm": False}


class Place:
    """A site with bars and a token, on a database of its own."""

    def __init__(self, home: Path, url: str) -> None:
        variables = {"DATABASE_URL": url, "BOURSOMATIC_HEARTBEAT_S": "5", "BOURSOMATIC_WORKERS": "2"}
        self.env = environment(home, **variables)
        write_walk(home / "walk.csv", rows=5000, seed=1)
        manage(self.env, "migrate", "--verbosity", "0")
        manage(self.env, "import_bars", str(home / "walk.csv"), "--symbol", "WALK", "--json")
        wanted = ("DATABASE_URL", "BOURSOMATIC_HEARTBEAT_S", "BOURSOMATIC_WORKERS", "BOURSOMATIC_MAX_ACTIVE_PER_USER")
        self.site = Site(home, BOURSOMATIC_DEMO="0", **{name: self.env[name] for name in wanted})
        self.site.wait_ready()
        self.token = json.loads(manage(self.env, "create_token", "admin", "--json"))["token"]
        self.number = itertools.count()

    def start_run(self) -> str:
        body = {**BODY, "params": {"learning_rate": 0.01, "num_leaves": 20 + next(self.number) % 40}}
        status, answer = self.site.ask("POST", "/api/training/run-poc", body, self.token)
        assert status == 202, answer
        run_id: str = answer["run_id"]
        return run_id

    def run(self, run_id: str) -> dict[str, Any]:
        """Empty while nobody answers."""
        status, answer = self.site.ask("GET", f"/api/training/poc-runs/{run_id}", token=self.token)
        return answer if status == 200 else {}

    def await_status(self, run_id: str, *wanted: str, seconds: float = WAIT_S) -> None:
        def arrived() -> bool:
            status = self.run(run_id).get("status")
            assert status in wanted or status not in OVER, self.run(run_id)
            return status in wanted

        until(arrived, seconds, f"{run_id} {wanted}")

    def assert_sound(self) -> None:
        """Raises where verify_artifacts finds a file missing or changed."""
        found = json.loads(manage(self.env, "verify_artifacts", "--json"))
        assert found["orphaned"] == []


@pytest.fixture
def database() -> Iterator[Server]:
    with server(durable=True) as made:
        yield made


@pytest.fixture
def on_postgres(tmp_path: Path, database: Server) -> Iterator[Place]:
    place = Place(tmp_path, database.url())
    try:
        yield place
    finally:
        place.site.destroy()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, "")
    try:
        yield place
    finally:
        place.site.destroy()


def test_it_outlives_crashes_of_the_database(on_postgres: Place, database: Server) -> None:
    """PostgreSQL is stopped in immediate mode while a run goes on, and started again."""
    runs = []
    for _ in range(times(2, 10)):
        runs += [on_postgres.start_run() for _ in range(2)]
        on_postgres.await_status(runs[-1], "running", *OVER)
        database.stop(signal.SIGQUIT)
        database.start()
        back = time.monotonic()
        until(lambda first=runs[0]: on_postgres.run(first), WEB_BACK_S, "the web server answers")
        runs.append(on_postgres.start_run())
        left = WORKERS_BACK_S - (time.monotonic() - back)
        on_postgres.await_status(runs[-3], *OVER, seconds=left)
    for run_id in runs:
        on_postgres.await_status(run_id, "completed")
    on_postgres.assert_sound()


def test_it_shows_nothing_wrong_after_the_web_server_was_killed(on_sqlite: Place) -> None:
    """A program that polls gets no answer for a while; then never a status that the run had left behind."""
    order = {"queued": 0, "running": 1, "completed": 2}
    for _ in range(times(2, 10)):
        run_id, seen = on_sqlite.start_run(), [0]
        web = on_sqlite.site.groups()[0]
        os.kill(web, signal.SIGKILL)
        gone = time.monotonic()
        until(lambda web=web: not group(web), what="its processes gone")
        while seen[-1] < order["completed"]:
            found = on_sqlite.run(run_id)
            if found:
                if "begins again by itself" in found["message"]:
                    seen = []  # a machine too busy for a beat in two seconds took it from its worker
                seen.append(order[found["status"]])
                assert found["test_metrics"] or found["status"] != "completed"
            assert time.monotonic() - gone < WAIT_S
        assert seen == sorted(seen)
    on_sqlite.assert_sound()


@pytest.mark.django_db
def test_it_tells_an_outage_within_a_copy_from_a_complaint(database: Server) -> None:
    """psycopg2's class of the exception does not always say which it was."""
    connections = ConnectionHandler({"default": dict(dj_database_url.parse(database.url()))})
    with connections["default"].cursor() as cursor:
        stopping = threading.Timer(0.2, database.stop, [signal.SIGQUIT])
        stopping.start()
        with pytest.raises(DatabaseError) as outage:
            copy(cursor, "COPY (SELECT pg_sleep(60)) TO STDOUT", io.BytesIO())
        stopping.join()
    assert RunOutcome.of_exception(outage.value).outcome == OutcomeKind.REQUEUE
    database.start()
    connections["default"].close()
    with connections["default"].cursor() as cursor, pytest.raises(DatabaseError) as complaint:
        copy(cursor, "COPY nowhere TO STDOUT", io.BytesIO())
    assert RunOutcome.of_exception(complaint.value).outcome == OutcomeKind.FAILED

"""The log of a site: real web server and worker, every line of theirs."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.auth.models import Group

from boursomatic.accounts.roles import Role
from boursomatic.accounts.tokens import token_create
from tests.faults.crew import WAIT_S, children, environment, until, until_ended
from tests.faults.site import Site
from tests.market import candle, make_series
from tests.people import make_person
from training.models import TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
BODY = {"candle_date": candle(2300), "symbol": "SPY", "train_years": 8.0, "protocol": "poc", "confirm": False}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    Group.objects.get_or_create(name=Role.ADMIN)  # a test that emptied the tables took the roles along
    made = Site(
        tmp_path, DATABASE_URL=environment()["DATABASE_URL"], BOURSOMATIC_LOG_FORMAT="json", BOURSOMATIC_WORKERS="1"
    )
    try:
        made.wait_ready()
        yield made
    finally:
        made.destroy()


def test_a_request_is_followed_to_its_run(site: Site) -> None:
    make_series(bars=2400)
    anna = make_person("anna", Role.TRAINER)
    token = token_create(user=anna, scopes=["train", "read"])[1]
    run = _ask(site, token, "click-1", learning_rate=0.2)
    until_ended(run)
    crashed = _ask(site, token, "click-2", learning_rate=0.01)
    _crash(crashed)
    requests.get(f"http://127.0.0.1:{site.port}/%0A%7B%22forged%22:1%7D?token={token}", timeout=WAIT_S)
    site.process.terminate()
    assert site.process.wait(WAIT_S) == 0

    said = site.said()
    assert token not in said and "sessionid" not in said
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    assert all({"timestamp", "level", "logger", "event"} <= line.keys() for line in lines)
    asked = [line for line in lines if line.get("request_id") == "click-1"]
    assert [(line["logger"], line.get("run_id")) for line in asked] == [
        ("boursomatic.runs", run.run_id), ("boursomatic.access", None),
    ]  # fmt: skip
    access = asked[1]
    assert (access["method"], access["path"], access["status"], access["user"]) == (
        "POST", "/api/training/run-poc", 202, "anna",
    )  # fmt: skip
    worked = [line for line in lines if line.get("run_id") == run.run_id and line["logger"] == "boursomatic.worker"]
    assert [line["event"] for line in worked] == ["The run begins.", "The run has left its worker: done."]
    assert {(line["kind"], line["attempt"], line["worker"][-1].isdigit()) for line in worked} == {("candle", 1, True)}
    failed = next(line for line in lines if line["event"].startswith("The run failed"))
    assert failed["run_id"] == crashed.run_id and "Segmentation fault" in failed["exception"]


def _ask(site: Site, token: str, request_id: str, **params: float) -> TrainingRun:
    headers = {"Authorization": f"Token {token}", "X-Request-ID": request_id}
    address = f"http://127.0.0.1:{site.port}/api/training/run-poc"
    answer = requests.post(address, json={**BODY, "params": params}, headers=headers, timeout=WAIT_S)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (202, request_id), answer.text
    return TrainingRun.objects.get(run_id=answer.json()["run_id"])


def _crash(run: TrainingRun) -> None:
    def child() -> int | None:
        run.refresh_from_db()
        return next(iter(children(run.worker_pid)), None) if run.worker_pid else None

    os.kill(until(child, what="its process"), signal.SIGSEGV)
    assert until_ended(run) == ["failed"]

"""Limits, idempotency keys and turns when fifty connections ask at once: a real web server, on both databases."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Role
from boursomatic.accounts.tokens import token_create
from tests.faults.crew import WAIT_S, crew, environment, until
from tests.faults.scale import times
from tests.faults.site import Site
from tests.market import candle, make_series
from tests.people import make_person
from tests.training.run_builders import make_run
from training.models import ACTIVE, IdempotencyKey, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]

CONNECTIONS = 50
ADDRESS = "/api/training/run-poc"
BODY = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.0, "confirm": False}


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Only the web server: what was asked for stays queued."""
    with django_db_blocker.unblock():  # a test that emptied the tables took the roles along
        Group.objects.get_or_create(name=Role.ADMIN)
    url = environment()["DATABASE_URL"]
    site = Site(tmp_path_factory.mktemp("web"), DATABASE_URL=url, BOURSOMATIC_WORKERS="0")
    try:
        site.wait_ready()
        yield site
    finally:
        site.destroy()


@pytest.fixture
def anna() -> User:
    return make_person("anna", Role.TRAINER)


@pytest.fixture
def ben() -> User:
    return make_person("ben", Role.TRAINER)


def token_of(user: User) -> str:
    return token_create(user=user, scopes=["train", "read"])[1]


def ask_at_once(site: Site, token: str, count: int, **headers: str) -> list[tuple[int, Any, str | None]]:
    """Status, JSON and Retry-After of `count` POSTs over fifty connections that start together."""
    answers: list[tuple[int, Any, str | None]] = []
    together = threading.Barrier(CONNECTIONS)
    told = {"Authorization": f"Token {token}", "Content-Type": "application/json", **headers}

    def ask(share: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=WAIT_S)
        together.wait()
        for _ in range(share):
            line.request("POST", ADDRESS, json.dumps(BODY), told)
            answer = line.getresponse()
            answers.append((answer.status, json.loads(answer.read()), answer.getheader("Retry-After")))
        line.close()

    in_threads([lambda: ask(count // CONNECTIONS)] * CONNECTIONS)
    return answers


def in_threads(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_it_starts_one_run_for_fifty_requests_with_one_key(web: Site, anna: User) -> None:
    make_series()
    answers = ask_at_once(web, token_of(anna), CONNECTIONS, **{"Idempotency-Key": "once"})
    assert {status for status, _, _ in answers} == {202}
    assert len({answer["run_id"] for _, answer, _ in answers}) == 1
    assert TrainingRun.objects.count() == IdempotencyKey.objects.count() == 1


def test_it_holds_the_limit_of_one_person_and_serves_the_next(web: Site, anna: User, ben: User) -> None:
    make_series()
    count = times(300, 10_000)
    answers = ask_at_once(web, token_of(anna), count)
    most = settings.MAX_ACTIVE_PER_USER
    assert Counter(status for status, _, _ in answers) == {202: most, 429: count - most}
    assert all(wait and int(wait) > 0 for status, _, wait in answers if status == 429)
    assert TrainingRun.objects.filter(created_by=anna, status__in=ACTIVE).count() == most
    assert AuditEntry.objects.filter(action="run.create").count() == most
    status, bens = web.ask("POST", ADDRESS, BODY, token_of(ben))
    assert status == 202
    with crew():
        until(lambda: not TrainingRun.objects.filter(status__in=ACTIVE).exists(), what="all runs ended")
    order = TrainingRun.objects.order_by("started_at").values_list("run_id", flat=True)
    assert list(order).index(bens["run_id"]) <= settings.WORKERS  # there is one process more, and all begin at once


def test_it_lets_nobody_wait_behind_anothers_hundred(anna: User, ben: User) -> None:
    """Whoever has waited longest since their last start is next."""
    series = make_series()
    for _ in range(100):
        make_run(anna, series=series)
    bens = make_run(ben, series=series)
    with crew():
        until(lambda: TrainingRun.objects.get(pk=bens.pk).finished_at, what="ben's run ended")
    assert TrainingRun.objects.filter(created_by=anna, started_at__isnull=False).count() < 20

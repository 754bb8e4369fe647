"""Readers of the queue hear at once what was put into it; what they don't hear they find by themselves."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from tests.faults.crew import WAIT_S, until
from tests.training.run_builders import make_run
from training.queue import bell, enqueue, hosts
from training.queue.broker import Kicks, waiting
from training.worker.runner import READY, execute_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]

Taken = list[tuple[int, str]]


@pytest.fixture(autouse=True)
def host(db: None) -> None:
    """One that has not said what it has takes nothing."""
    hosts.host_mark(cores=2, memory=8 * 10**9)


@pytest.fixture
def slow_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by looking, only by hearing."""
    monkeypatch.setattr(Conf, "POLL", WAIT_S)


class Reader(threading.Thread):
    """A pusher, as far as the queue is concerned."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.taken: Taken = []
        self.looks = 0
        self.broker = Kicks(list_key=Conf.CLUSTER_NAME)
        self.start()
        until(lambda: self.looks, what="a first look")

    def run(self) -> None:
        while not self.taken:
            self.taken = self.broker.dequeue() or []
            self.looks += 1
        connection.close()


@pytest.fixture
def reader(slow_poll: None) -> Iterator[Reader]:
    made = Reader()
    yield made
    Kicks(list_key=Conf.CLUSTER_NAME).enqueue("the end")
    made.join(WAIT_S)


def queue() -> Kicks:
    return Kicks(list_key=Conf.CLUSTER_NAME)


def test_it_hears_what_is_put_into_the_queue(reader: Reader) -> None:
    queue().enqueue("a kick")
    until(lambda: reader.taken, 60, "the kick")
    assert len(reader.taken) == 1 and not OrmQ.objects.exists()


def test_a_kick_of_a_host_with_another_secret_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        there.setattr(Conf, "SECRET_KEY", "of another host")
        enqueue.enqueue()
    taken = queue().dequeue()
    assert taken is not None
    [(_, payload)] = taken
    assert SignedPackage.loads(payload)["func"] == "training.worker.runner.execute_run"


def test_it_hears_nothing_before_the_commit(reader: Reader) -> None:
    with transaction.atomic():
        queue().enqueue("a kick")
        looks = reader.looks
        time.sleep(0.1)  # as long as a pusher that looks too early would need
        assert reader.looks == looks and not reader.taken
    until(lambda: reader.taken, 60, "the kick")


def test_it_hears_nothing_of_what_is_taken_back(reader: Reader) -> None:
    with transaction.atomic():
        queue().enqueue("a kick")
        transaction.set_rollback(True)
    made = queue().enqueue("another")
    until(lambda: reader.taken, 60, "the kick")
    assert [number for number, _ in reader.taken] == [made]


def test_it_is_heard_by_all_readers(reader: Reader) -> None:
    other = Reader()
    made = {queue().enqueue(payload) for payload in ("one", "two")}
    until(lambda: reader.taken and other.taken, 60, "a kick for each")
    assert {reader.taken[0][0], other.taken[0][0]} == made


@pytest.mark.processes
def test_it_looks_again_where_enough_wait_and_a_run_can_be_taken_now(slow_poll: None) -> None:
    make_run(None, memory=2**60)
    for _ in range(settings.WORKERS + 2):
        queue().enqueue("for another host")
    reader = Reader()
    make_run(None)
    make_run(None)
    try:
        execute_run()
        until(lambda: reader.taken, 60, "a kick for the second")
        assert waiting().count() == settings.WORKERS + 1
    finally:
        READY.take().kill()


def test_it_hears_what_comes_between_its_first_look_and_its_wait(slow_poll: None) -> None:
    """A reader that has just begun has no ear yet when it looks for the first time."""
    broker = queue()
    assert broker.dequeue() is None  # at once, though it could wait
    queue().enqueue("a kick")
    assert broker.dequeue() is not None


def test_it_looks_by_itself_where_no_bell_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conf, "POLL", 0.05)
    broker = queue()
    broker.dequeue()
    OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload="unheard", lock="2000-01-01T00:00Z")
    until(broker.dequeue, what="the kick that nobody rang for")


def test_it_forgets_readers_that_were_killed() -> None:
    if connection.vendor != "sqlite":
        return  # PostgreSQL itself knows who listens
    bells = Path(settings.HOME) / "bells"
    before = set(bells.glob("*"))
    pid = os.fork()
    if pid == 0:
        bell.listener(Conf.ORM)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(set(bells.glob("*")) - before) == 1
    queue().enqueue("a kick")
    assert not set(bells.glob("*")) - before


def test_it_works_without_a_place_for_its_bell(
    slow_poll: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A HOME that can't be written to makes nothing fail."""
    if connection.vendor != "sqlite":
        return  # PostgreSQL needs no file
    monkeypatch.setattr(settings, "HOME", tmp_path / "nowhere")
    broker = queue()
    assert broker.dequeue() is None
    queue().enqueue("a kick")
    assert broker.dequeue() is not None


def test_it_listens_again_after_its_connection_was_cut(slow_poll: None) -> None:
    if connection.vendor != "postgresql":
        return  # a file has no connections to cut
    broker = queue()
    broker.dequeue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = cursor.fetchone()[0]
    cutter = threading.Timer(0.2, _cut, [mine])
    cutter.start()
    assert broker.dequeue() is None  # cut while it waits
    cutter.join()
    assert broker.dequeue() is None  # at once: it listens on another connection
    ringer = threading.Timer(0.2, _enqueue_apart)
    ringer.start()
    assert broker.dequeue() is None  # woken
    assert broker.dequeue() is not None
    ringer.join()


def _cut(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    connection.close()


def _enqueue_apart() -> None:
    queue().enqueue("a kick")
    connection.close()

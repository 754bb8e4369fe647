"""The artifact store asked beside the worker command's loop: what it answers, what is late, what never comes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boursomatic.backup.artifacts import MARKER
from tests.faults.crew import children, until
from training.artifacts import marker
from training.worker import beside
from training.worker.beside import StoreWatch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    own = {**settings.STORAGES["artifacts"], "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "artifacts": own}
    marker.renew()
    return tmp_path


@pytest.fixture
def watch(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreWatch]:
    monkeypatch.setattr(beside, "ASK_EVERY_S", 0.02)
    made = StoreWatch()
    made.keep()
    yield made
    for pid in made.pids:
        os.kill(pid, signal.SIGKILL)


def answers(watch: StoreWatch) -> None:
    before = watch._answered
    until(lambda: watch.problem() == "" and watch._answered > before, what="an answer that all is well")


def test_it_tells_another_databases_store_from_ours(watch: StoreWatch, root: Path) -> None:
    answers(watch)
    (root / MARKER).write_text("theirs")
    until(lambda: "belongs to another database" in watch.problem(), what="said")
    (root / MARKER).unlink()
    until(lambda: "is not mounted" in watch.problem(), what="said")


def test_a_store_that_never_answers_is_found_out(
    watch: StoreWatch, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk of a host that is gone: who reads waits and waits."""
    answers(watch)
    ours = (root / MARKER).read_text()
    os.mkfifo(root / "silent")
    os.link(root / "silent", root / "new")
    (root / "new").rename(root / MARKER)
    monkeypatch.setattr(beside, "LATE_S", 0.2)
    monkeypatch.setattr(beside, "SILENT_S", 0.5)
    until(lambda: "doesn't answer" in watch.problem(), what="said")
    assert watch.is_late()
    (root / "new").write_text(ours)
    (root / "new").rename(root / MARKER)
    (root / "silent").write_text(ours)  # and so it goes on
    answers(watch)


def test_it_owes_no_answer_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loads much before its first round."""
    monkeypatch.setattr(beside, "SILENT_S", 0.0)
    monkeypatch.setattr(beside, "LATE_S", 0.0)
    watch = StoreWatch()
    assert watch.problem() == "" and not watch.is_late()


def test_one_that_was_killed_is_replaced(watch: StoreWatch) -> None:
    answers(watch)
    (killed,) = watch.pids
    os.kill(killed, signal.SIGKILL)
    until(lambda: watch.keep() or killed not in watch.pids, what="another")
    assert killed not in children(os.getpid())
    answers(watch)

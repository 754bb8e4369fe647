"""What the launcher makes of a process that says nothing."""

import signal
import sys
import time
from collections.abc import Iterator

import pytest

from boursomatic.serve.launcher import START_S, WATCHDOG_S, ManagedProcess


@pytest.fixture
def managed() -> Iterator[ManagedProcess]:
    silent = ManagedProcess(
        "worker command", [sys.executable, "-c", f"import signal; signal.sigwait([{signal.SIGTERM}])"], {}
    )
    silent.start()
    yield silent
    silent.sweep()


def test_a_process_that_has_not_spoken_yet_is_given_time_to_load(managed: ManagedProcess) -> None:
    managed.check(time.monotonic() + WATCHDOG_S + 1, is_watched=True)
    assert managed.process is not None
    managed.check(time.monotonic() + START_S + 1, is_watched=True)
    assert managed.process is None


def test_one_that_has_spoken_and_falls_silent_is_ended(managed: ManagedProcess) -> None:
    managed.hear()
    managed.check(time.monotonic() + WATCHDOG_S + 1, is_watched=True)
    assert managed.process is None


def test_one_that_is_not_watched_may_be_silent(managed: ManagedProcess) -> None:
    managed.check(time.monotonic() + START_S + 1, is_watched=False)
    assert managed.process is not None

"""What a run's own process may do to itself, and what its user is told."""

import ctypes
import faulthandler
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from training.errors import RunRefused
from training.models import Reason
from training.recipes.base import MEMORY
from training.worker.child import Child
from training.worker.outcome import TRACE_CHARS, OutcomeKind, RunOutcome

pytestmark = pytest.mark.processes


def ending_of(job: Callable[[], None]) -> RunOutcome:
    child = Child.start(job)
    try:
        assert child.wait(20)
        return child.outcome()
    finally:
        child.kill()


def take_memory() -> None:
    bytearray(2 * MEMORY)


def take_a_little() -> None:
    bytearray(64 * 1024**2)


def fill_the_disk() -> None:
    Path("/dev/full").write_bytes(b"model")


def crash() -> None:
    faulthandler.disable()
    ctypes.string_at(0)


def abort() -> None:
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGFPE)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise KeyError("no such thing")


def lose_the_database() -> None:
    raise OperationalError("server closed the connection unexpectedly")


def refuse() -> None:
    raise RunRefused(Reason.BAD_DATA, "These bars won't do.")


def test_it_says_nothing_when_the_job_is_done() -> None:
    assert ending_of(lambda: None) == RunOutcome(OutcomeKind.DONE)


@pytest.mark.parametrize(
    ("job", "reason", "words"),
    [
        (take_memory, "out_of_memory", "Out of memory"),
        (crash, "out_of_memory", "Probably out of memory"),
        (abort, "crashed", "SIGFPE"),
        (fill_the_disk, "disk_full", "disk is full"),
        (refuse, "bad_data", "These bars won't do."),
        (fail, "bug", "Unexpected error (KeyError)"),
    ],
)
def test_it_names_the_reason_in_plain_words(job: Callable[[], None], reason: str, words: str) -> None:
    ending = ending_of(job)
    assert (ending.outcome, ending.reason) == (OutcomeKind.FAILED, reason)
    assert words in ending.sentence


def test_it_keeps_the_trace_of_a_bug() -> None:
    assert "no such thing" in ending_of(fail).trace


def test_it_takes_in_a_report_that_no_pipe_holds() -> None:
    """Each of these characters takes six bytes of JSON, and a pipe holds 64 KiB."""

    def fail_at_length() -> None:
        raise KeyError("Ω" * TRACE_CHARS)

    assert ending_of(fail_at_length).trace == ("Ω" * TRACE_CHARS + "'\n")[-TRACE_CHARS:]


def test_it_waits_no_longer_than_it_was_told_though_the_child_reports() -> None:
    def end_the_report_and_go_on() -> None:
        os.closerange(3, 256)
        time.sleep(600)

    child = Child.start(end_the_report_and_go_on)
    try:
        started = time.monotonic()
        assert not child.wait(0.3)
        assert 0.3 <= time.monotonic() - started < 60
    finally:
        child.kill()


@pytest.mark.parametrize("job", [be_killed, lose_the_database])
def test_it_asks_for_another_attempt_after_what_was_not_the_runs_fault(job: Callable[[], None]) -> None:
    assert ending_of(job).outcome == OutcomeKind.REQUEUE


def test_it_is_killed_in_the_middle_of_a_long_call() -> None:
    child = Child.start(lambda: ctypes.PyDLL(None).sleep(600))  # holds the interpreter's lock all the while
    started = time.monotonic()
    assert not child.wait(0.3)
    child.kill()
    assert time.monotonic() - started < 60


@pytest.fixture
def ready() -> Iterator[Child]:
    """A child that waits for its job, its rehearsal behind it."""
    reading, writing = os.pipe()
    child = Child.ready(lambda: os.close(writing))
    os.close(writing)
    assert os.read(reading, 1) == b"", "the rehearsal is done before any job is given"
    os.close(reading)
    yield child
    child.kill()


def ending_of_ready(ready: Child, job: Callable[[], None], **limits: int) -> RunOutcome:
    ready.begin(job, **{"memory": MEMORY, **limits})
    assert ready.wait(20)
    return ready.outcome()


@pytest.mark.parametrize(("job", "reason"), [(take_memory, "out_of_memory"), (crash, "out_of_memory"), (fail, "bug")])
def test_it_holds_a_child_that_was_ready_to_the_same_limits(ready: Child, job: Callable[[], None], reason: str) -> None:
    assert ending_of_ready(ready, job).reason == reason


def test_it_limits_the_memory_of_a_ready_child_when_its_job_is_known(ready: Child) -> None:
    assert ending_of_ready(ready, take_a_little, memory=32 * 1024**2).reason == "out_of_memory"


def test_it_lets_a_ready_child_have_the_memory_of_its_job(ready: Child) -> None:
    assert ending_of_ready(ready, take_a_little, memory=MEMORY).outcome == OutcomeKind.DONE


def test_it_is_another_attempt_where_a_ready_child_dies_before_its_job(ready: Child) -> None:
    os.kill(ready.pid, signal.SIGKILL)
    assert ending_of_ready(ready, take_memory).outcome == OutcomeKind.REQUEUE


def test_it_gives_a_job_that_comes_at_once_without_a_rehearsal() -> None:
    child = Child.ready(be_killed)
    try:
        assert ending_of_ready(child, os.getpid).outcome == OutcomeKind.DONE
    finally:
        child.kill()


def test_it_ends_a_ready_child_whose_parent_has_no_job_for_it() -> None:
    child = Child.ready(os.getpid)
    assert child._orders is not None
    os.close(child._orders)
    child._orders = None
    try:
        assert child.wait(20)
    finally:
        child.kill()


def test_it_sees_that_the_child_is_frozen() -> None:
    child = Child.start(lambda: time.sleep(600))
    try:
        assert not child.is_stopped()
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert child.is_stopped()
    finally:
        child.kill()

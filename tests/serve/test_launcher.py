"""What the launcher makes of a process that says nothing, and how it asks the web server."""

import select
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from boursomatic.serve.launcher import PROBE_S, START_S, STOP_S, WATCHDOG_S, ManagedProcess, Probe


@pytest.fixture
def managed() -> Iterator[ManagedProcess]:
    silent = ManagedProcess(
        "worker command", [sys.executable, "-c", f"import signal; signal.sigwait([{signal.SIGTERM}])"], {}, WATCHDOG_S
    )
    silent.start()
    yield silent
    silent.sweep()


def test_a_process_that_has_not_spoken_yet_is_given_time_to_load(managed: ManagedProcess) -> None:
    managed.check(time.monotonic() + WATCHDOG_S + 1)
    assert managed.process is not None
    managed.check(time.monotonic() + START_S + 1)
    assert managed.process.wait() != -signal.SIGKILL


def test_one_that_has_spoken_and_falls_silent_is_told_to_end(managed: ManagedProcess) -> None:
    managed.hear()
    managed.check(time.monotonic() + WATCHDOG_S + 1)
    assert managed.process is not None and managed.process.wait() != -signal.SIGKILL
    managed.check(time.monotonic() + WATCHDOG_S + 1)
    assert managed.process is None


def test_one_that_does_not_end_then_is_killed(managed: ManagedProcess) -> None:
    managed.hear()
    assert managed.process is not None
    process, silent = managed.process, time.monotonic() + WATCHDOG_S + 1
    process.send_signal(signal.SIGSTOP)
    for later in (0.0, STOP_S):
        managed.check(silent + later)
        assert managed.process is process
    managed.check(silent + STOP_S + 1)
    assert managed.process is None and process.returncode == -signal.SIGKILL


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def probe(listener: socket.socket) -> Iterator[Probe]:
    made = Probe(*listener.getsockname())
    yield made
    made.close()


def answer(listener: socket.socket, probe: Probe, text: bytes) -> bool:
    """What the launcher makes of this answer to its question."""
    client, _ = listener.accept()
    with client:
        assert client.recv(4096).startswith(b"GET /healthz HTTP/1.1\r\n")
        client.sendall(text)
    select.select([probe.asked], [], [])
    return probe.is_answered()


@pytest.mark.parametrize(
    ("text", "serves"), [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 400 Bad Request\r\n\r\n", True),
                         (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", False), (b"", False)],
)  # fmt: skip
def test_an_answer_is_one_that_is_no_complaint(
    listener: socket.socket, probe: Probe, text: bytes, serves: bool
) -> None:
    probe.ask(0.0)
    assert answer(listener, probe, text) is serves


def test_a_busy_web_server_has_time_until_the_next_question(listener: socket.socket, probe: Probe) -> None:
    probe.ask(0.0)
    first = probe.asked
    probe.ask(PROBE_S - 0.1)
    assert probe.asked is first
    probe.ask(PROBE_S)
    assert probe.asked is not first
    listener.accept()[0].close()  # the first, which was given up
    assert answer(listener, probe, b"HTTP/1.1 200 OK\r\n\r\n")


def test_where_nobody_listens_it_asks_again_at_once(listener: socket.socket, probe: Probe) -> None:
    listener.close()
    probe.ask(0.0)
    assert probe.asked is None and probe.due == 0.0

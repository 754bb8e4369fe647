"""Turns within a web process: few compute at a time, and nobody is kept out for good."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from boursomatic.serve.turns import Turns

WAIT_S = 60.0  # an end of waiting, not a measure


class Slow:
    """An application whose page `/held` stands until it is let go; it counts who is in it."""

    def __init__(self) -> None:
        self.is_in, self.let_go = threading.Event(), threading.Event()
        self.inside = self.most = 0
        self._counting = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._counting:
            self.inside += 1
            self.most = max(self.most, self.inside)
        if environ["PATH_INFO"] == "/held":
            self.is_in.set()
            assert self.let_go.wait(WAIT_S)
        sum(range(20_000))  # long enough for other threads to be let in between
        with self._counting:
            self.inside -= 1
        return [b"done"]


def ask(turns: Turns, method: str = "GET", path: str = "/") -> Iterable[bytes]:
    return turns({"REQUEST_METHOD": method, "PATH_INFO": path}, None)


@contextmanager
def held(turns: Turns, slow: Slow) -> Iterator[None]:
    """Somebody has the turn."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, turns, path="/held")
        assert slow.is_in.wait(WAIT_S)
        try:
            yield
        finally:
            slow.let_go.set()
        assert answer.result(WAIT_S) == [b"done"]


def test_no_more_compute_at_a_time() -> None:
    slow = Slow()
    turns = Turns(slow, 2, longest_wait_s=WAIT_S)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: ask(turns), range(200))) == [[b"done"]] * 200
    assert slow.most <= 2


def test_what_is_sent_slowly_needs_no_turn() -> None:
    slow = Slow()
    turns = Turns(slow, 1, longest_wait_s=WAIT_S)
    with held(turns, slow):
        assert ask(turns, "POST") == [b"done"]
    assert slow.most == 2


def test_who_has_waited_long_begins_all_the_same() -> None:
    slow = Slow()
    turns = Turns(slow, 1, longest_wait_s=0.01)
    with held(turns, slow):
        assert ask(turns) == [b"done"]

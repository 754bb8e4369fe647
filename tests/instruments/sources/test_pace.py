"""How often a vendor is asked."""

import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instruments.sources.pace import Pace, Stopped


@example(1, [1.0629632317551039, 0.0, 0.0])  # 60 s later by one sum, not by another
@given(st.integers(1, 10), st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_minute_has_more_calls_than_it_may(most: int, gaps: list[float]) -> None:
    pace, now, calls = Pace(most), 1000.0, []
    for gap in gaps:
        now += gap
        while (wait := pace.wait_s(now)) > 0:
            now += wait
        calls.append(now)
        assert sum(call > now - 59.999 for call in calls) <= most


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace()
    assert [pace.wait_s(1000.0) for _ in range(1000)] == [0.0] * 1000


def test_a_rest_is_for_everybody() -> None:
    pace = Pace()
    pace.rest(30)
    now = time.monotonic()
    assert 25 < pace.wait_s(now) <= 30 and pace.wait_s(now + 31) == 0
    assert 25 < pace.resting_s() <= 30


def test_whoever_waits_is_told_that_it_is_over() -> None:
    pace, told = Pace(1), threading.Event()
    pace.turn()

    def wait() -> None:
        with pytest.raises(Stopped):
            pace.turn()
        told.set()

    thread = threading.Thread(target=wait)
    thread.start()
    pace.stop()
    thread.join(60)
    assert told.is_set()
    with pytest.raises(Stopped):
        Pace.turn(pace)

"""Splits are purged: no outcome used in a part is known only after the next part began."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.quant.candle.split import candle_split, training_start


@given(
    first=st.integers(0, 300),
    rows=st.integers(30, 2000),
    window=st.integers(10, 100),
    horizon=st.integers(1, 20),
    protocol=st.sampled_from(["honest", "poc"]),
    stops_early=st.booleans(),
    gap=st.integers(0, 60),
)
def test_it_never_lets_an_outcome_reach_into_a_later_part(
    *, first: int, rows: int, window: int, horizon: int, protocol: str, stops_early: bool, gap: int
) -> None:
    decision = first + rows
    try:
        split = candle_split(
            first=first,
            decision=decision,
            window=window,
            protocol=protocol,
            stops_early=stops_early,
            horizon=horizon,
            gap=gap,
        )
    except (ValueError, IndexError):
        assert rows < 8 * (horizon + gap)
        return
    assert split.train.start == split.fit.start == first
    assert max(split.train) + horizon <= decision
    if stops_early:
        assert max(split.validation) + horizon <= decision
        assert min(split.validation) - (max(split.fit) + horizon) >= gap
    assert split.test == range(decision + gap, decision + gap + window)
    assert min(split.test) - (max(split.train) + horizon) >= gap


def test_it_splits_three_years_of_days_as_the_protocol_says() -> None:
    honest = candle_split(first=100, decision=850, window=35, protocol="honest")
    assert (len(honest.fit), len(honest.validation), len(honest.train), len(honest.test)) == (600, 150, 750, 35)
    poc = candle_split(first=100, decision=850, window=35, protocol="poc")
    assert (len(poc.fit), len(poc.validation), len(poc.train)) == (637, 113, 637)


@pytest.mark.parametrize(
    ("candle", "years", "start"),
    [
        ((2023, 6, 15), 3.0, (2020, 6, 15)),
        ((2024, 2, 29), 1.0, (2023, 2, 28)),
        ((2023, 3, 31), 0.5, (2022, 9, 30)),
        ((2023, 1, 10), 2.25, (2020, 10, 10)),
    ],
)
def test_it_counts_training_years_by_the_calendar(
    candle: tuple[int, int, int], years: float, start: tuple[int, int, int]
) -> None:
    assert training_start(datetime(*candle, tzinfo=UTC), years) == datetime(*start, tzinfo=UTC)

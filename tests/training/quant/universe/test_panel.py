"""Rows, days and outcomes of a universe as they come, against slow accounts by plain floats and dicts."""

from collections.abc import Sequence

import numpy as np
import pytest

from instruments.quant.bars import Bars
from instruments.quant.features.daily import CORE, daily_features, get_feature_columns
from tests.training.quant.noise import DAY, noise_bars
from tests.training.quant.universe.ragged import panel_of, ragged, with_weekends
from training.quant.universe.days import counted_days
from training.quant.universe.panel import Panel

H = 5


def slow_counted(dates: Sequence[set[int]]) -> list[int]:
    """Day by day: who had a candle on one of the ten counted days before is asked for."""
    counted: list[int] = []
    for day in sorted(set().union(*dates)):
        live = [own for own in dates if own & set(counted[-10:])]
        if 2 * sum(day in own for own in live) >= len(live):
            counted.append(day)
    return counted


def slow_outcome(bars: Bars, i: int, horizon: int, counted: list[int]) -> tuple[float | None, int | None, bool]:
    """(R, the day it is known on, whether it has ended) of candle i."""
    dates = (bars.time // DAY).tolist()
    after = [day for day in counted if day > dates[i]]
    wait = after[2 * horizon - 1] if len(after) >= 2 * horizon else None
    if i + horizon < len(dates):
        by = next((day for day in counted if day >= dates[i + horizon]), None)
        if by is not None and (wait is None or by <= wait):
            return bars.close[i + horizon] / bars.close[i] - 1, by, False
    if wait is None:
        return None, None, False
    last = max(k for k, day in enumerate(dates) if day <= wait)
    return bars.close[last] / bars.close[i] - 1, wait, True


@pytest.fixture(scope="module")
def members() -> dict[str, Bars]:
    return ragged()


@pytest.fixture(scope="module")
def panel(members: dict[str, Bars]) -> Panel:
    return panel_of(members, H, 1)


def _dates(members: dict[str, Bars]) -> list[set[int]]:
    return [set((bars.time // DAY).tolist()) for bars in members.values()]


def test_it_counts_the_days_on_which_half_of_the_live_ones_trade(members: dict[str, Bars], panel: Panel) -> None:
    assert panel.days.tolist() == slow_counted(_dates(members))
    assert len(panel.days) == 260 and not (panel.days % 7 == 2).any()  # none of WEEK's Saturdays


def test_it_counts_as_the_slow_account_does_on_any_calendar() -> None:
    rng = np.random.default_rng(3)
    for share in (0.2, 0.5, 0.8):
        traded = rng.random((120, 7)) < share
        traded[:40, 5:], traded[80:, :2] = False, False
        dates = [set(np.flatnonzero(column).tolist()) for column in traded.T]
        on_any = np.flatnonzero(traded.any(axis=1))
        assert on_any[counted_days(traded[on_any])].tolist() == slow_counted(dates)


def test_later_days_change_nothing_about_which_days_count() -> None:
    traded = np.random.default_rng(4).random((90, 6)) < 0.5
    whole = counted_days(traded)
    assert all(np.array_equal(counted_days(traded[:stop]), whole[:stop]) for stop in range(1, 90))


@pytest.mark.parametrize("horizon", [H, 1])
def test_every_outcome_is_that_of_a_slow_account(members: dict[str, Bars], panel: Panel, horizon: int) -> None:
    forward, counted = panel.forward[horizon], panel.days.tolist()
    assert forward.ended.sum() >= 2 * horizon and (~forward.has_outcome).sum() >= 8 * horizon
    for j, bars in enumerate(members.values()):
        place = {int(t) // DAY: i for i, t in enumerate(bars.time)}
        for row in np.flatnonzero(panel.instrument == j):
            i = place[int(panel.days[panel.day[row]])]
            value, known_on, ended = slow_outcome(bars, i, horizon, counted)
            assert forward.ended[row] == ended
            if value is None:
                assert np.isnan(forward.returns[row]) and forward.outcome[row] == len(counted)
            else:
                assert forward.returns[row] == value and counted[forward.outcome[row]] == known_on


def test_every_candle_with_features_on_a_counted_day_is_a_row(members: dict[str, Bars], panel: Panel) -> None:
    core, counted = [get_feature_columns().index(name) for name in CORE], set(panel.days.tolist())
    for j, (bars, matrix) in enumerate(zip(members.values(), daily_features(list(members.values())), strict=True)):
        has_features = ~np.isnan(matrix[:, core]).any(axis=1)
        dates = [day for day, has in zip((bars.time // DAY).tolist(), has_features, strict=True) if has]
        assert panel.days[panel.day[panel.instrument == j]].tolist() == [day for day in dates if day in counted]


def test_the_return_of_a_day_that_does_not_count_falls_into_the_next(members: dict[str, Bars], panel: Panel) -> None:
    week, bars = panel.symbols.index("WEEK"), members["WEEK"]
    close = {int(t) // DAY: c for t, c in zip(bars.time, bars.close, strict=True)}
    assert panel.close[:, week].tolist() == [close[day] for day in panel.days.tolist()]
    assert panel.close[-1, panel.symbols.index("GOES")] == members["GOES"].close[-1]


def test_filled_weekends_of_one_stock_leave_the_others_as_they_are() -> None:
    """The measurement behind it: with weekends as days the others' rows, books and outcome days were 7 a week."""
    plain = {name: noise_bars(200, seed=seed) for seed, name in enumerate("ABCDE", start=1)}
    filled = {**plain, "E": with_weekends(plain["E"], seed=5)}
    one, other = panel_of(plain, H), panel_of(filled, H)
    assert np.array_equal(one.days, other.days) and np.array_equal(one.traded, other.traded)
    own, same = one.instrument < 4, other.instrument < 4
    assert np.array_equal(one.day[own], other.day[same])
    assert np.array_equal(one.outcome[own], other.outcome[same])
    assert np.array_equal(one.returns[own], other.returns[same], equal_nan=True)

"""Positions of a walk-forward: against a slow account by hand, one position at a time."""

from typing import Any

import numpy as np
import pytest

from training.quant.universe.panel import Panel
from training.quant.walk_forward.positions import POSITION, positions_of

DAYS, NAMES = 40, 5
FIRST = 11_000  # day number of the first day


def panel_of(seed: int = 1, *, holes: float = 0.1) -> Panel:
    """Every instrument has a row on every day; on some it doesn't trade, and its price is carried."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (DAYS, NAMES)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.01, (DAYS, NAMES)))
    traded = rng.random((DAYS, NAMES)) >= holes
    traded[0] = True
    for day in range(1, DAYS):
        close[day] = np.where(traded[day], close[day], close[day - 1])
    number = np.arange(DAYS)
    return Panel(
        symbols=tuple("ABCDE"),
        days=FIRST + number // 5 * 7 + number % 5,
        open=np.where(traded, open_, close),
        close=close,
        traded=traded,
        day=np.tile(number, NAMES),
        instrument=np.repeat(np.arange(NAMES), DAYS),
        features=np.zeros((DAYS * NAMES, 0), dtype=np.float32),
        forward={},
    )


def slow_positions(panel: Panel, rows: Any, signals: Any, horizon: int) -> list[dict[str, Any]]:
    """Day by day with plain floats: what lies in the hand after each open, and what each close makes of it."""
    days, listed = panel.days.tolist(), []
    for row, signal in zip(rows.tolist(), signals.tolist(), strict=True):
        day, name = int(panel.day[row]), int(panel.instrument[row])
        if not signal or day == DAYS - 1:
            continue
        bought, marks, sold = float(panel.open[day + 1][name]), [], None
        for later in range(day + 1, DAYS):
            if later == day + 1 + horizon:
                sold = later
                marks.append(float(panel.open[later][name]))
                break
            marks.append(float(panel.close[later][name]))
        returns = [signal * (mark - bought) / bought for mark in marks]
        listed.append(
            {
                "as_of": days[day],
                "entry": days[day + 1],
                "exit": days[-1] if sold is None else days[sold],
                "symbol": name,
                "side": signal,
                "is_open": sold is None,
                "bars": len(marks) - (sold is not None),
                "gross": returns[-1],
                "cost": 0.0005 if sold is None else 0.001,
                "worst": min(returns),
                "best": max(returns),
            }
        )
    return sorted(listed, key=lambda position: (position["as_of"], position["symbol"]))


@pytest.mark.parametrize("horizon", [1, 4, 45])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_they_are_those_of_a_slow_account(seed: int, horizon: int) -> None:
    panel, rng = panel_of(seed), np.random.default_rng(seed)
    rows = rng.permutation(DAYS * NAMES)[: 3 * DAYS]
    signals = rng.integers(-1, 2, len(rows))
    slow = slow_positions(panel, rows, signals, horizon)
    positions = positions_of(panel, rows, signals, horizon=horizon)
    assert len(positions) == len(slow) > 30
    for values, expected in zip(positions.tolist(), slow, strict=True):
        position = dict(zip(POSITION.names or (), values, strict=True))
        assert position == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert np.frombuffer(positions.tobytes(), dtype=POSITION).tolist() == positions.tolist()


def test_those_sold_need_no_later_bar() -> None:
    panel, rows = panel_of(), np.arange(DAYS * NAMES)
    signals = np.random.default_rng(9).integers(-1, 2, len(rows))
    changed = panel_of()
    changed.open[30:] *= 2
    changed.close[30:] *= 3
    sold, same = (positions_of(each, rows, signals, horizon=4) for each in (panel, changed))
    is_early = sold["exit"] < panel.days[30]
    assert is_early.sum() > 50 and sold[is_early].tolist() == same[is_early].tolist()


def test_it_agrees_with_an_example_worked_by_hand() -> None:
    """Sold short at 100 at the open after the signal, 90 and 120 at the closes, bought back at 110."""
    panel = panel_of(holes=0.0)
    panel.open[11, 2], panel.close[11, 2], panel.close[12, 2], panel.open[13, 2] = 100, 90, 120, 110
    row = np.flatnonzero((panel.day == 10) & (panel.instrument == 2))
    [position] = positions_of(panel, row, np.array([-1]), horizon=2)
    assert [position[name] for name in ("as_of", "entry", "exit")] == panel.days[[10, 11, 13]].tolist()
    assert (position["bars"], position["side"], bool(position["is_open"])) == (2, -1, False)
    returns = [float(position[name]) for name in ("gross", "cost", "worst", "best")]
    assert returns == pytest.approx([-0.1, 0.001, -0.2, 0.1])


def test_nothing_said_is_nothing_held() -> None:
    panel = panel_of()
    last = np.flatnonzero(panel.day == DAYS - 1)
    assert not len(positions_of(panel, last, np.ones(len(last), dtype=np.int64), horizon=3))
    assert not len(positions_of(panel, np.arange(10), np.zeros(10, dtype=np.int64), horizon=3))

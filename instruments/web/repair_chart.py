"""Bars before and after a repair as a small picture, and the numbers that change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from instruments.quant.bars import Bars, Floats, Seconds
from instruments.quant.revisions import PRICES, bars_that_differ

WIDTH, HEIGHT, MARGIN = 600, 180, 6
AROUND = 60  # bars on each side of the finding
MOST = 2_000  # bars in the picture
LISTED = 12  # of the bars that change
_LARGE = 100_000  # from there on no decimals
_NAMES = {"adj_close": "adjusted close"}


@dataclass(frozen=True)
class RepairChart:
    """On a logarithmic scale, since repairs multiply. `before` and `after` as SVG polylines take them; `gone`: where
    bars are taken away. `ticks`: (per cent from the top, text)."""

    column: str
    before: str
    after: str
    gone: list[tuple[float, float]]
    ticks: list[tuple[float, str]]
    first: datetime
    last: datetime
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class ChangedBar:
    """`values`: by column its text before and after, "" where it is taken away."""

    time: datetime
    values: list[tuple[str, str]]


def repair_chart(before: Bars, after: Bars, *, first: datetime, last: datetime) -> RepairChart:
    """AROUND the bars from `first` to `last`; of the adjusted close, which checks look at, or another price where that
    stays."""
    start = max(0, int(np.searchsorted(before.time, first.timestamp())) - AROUND)
    stop = int(np.searchsorted(before.time, last.timestamp(), side="right")) + AROUND
    old = before.slice(start, min(stop, start + MOST))
    span = (after.time >= old.time[0]) & (after.time <= old.time[-1])
    new = after.where(span)
    column = next(iter(_columns(old, new)), "adj_close")
    was, is_now = (np.log(np.maximum(getattr(bars, column), 1e-9)) for bars in (old, new))
    low, high = min(was.min(), is_now.min(initial=np.inf)), max(was.max(), is_now.max(initial=-np.inf))
    up = (HEIGHT - 2 * MARGIN) / ((high - low) or 1)

    def y(logs: Floats) -> Floats:
        return np.asarray(np.round(HEIGHT - MARGIN - (logs - low) * up, 1), dtype=np.float64)

    def x(time: Seconds) -> Floats:
        places = np.searchsorted(old.time, time) * (WIDTH / max(1, len(old) - 1))
        return np.asarray(np.round(places, 1), dtype=np.float64)

    gone = ~np.isin(old.time, new.time)
    values = np.linspace(low, high, 5) if high > low else np.array([low])
    return RepairChart(
        column=_NAMES.get(column, column),
        before=_points(x(old.time), y(was)),
        after=_points(x(new.time), y(is_now)),
        gone=list(zip(x(old.time[gone]).tolist(), y(was[gone]).tolist(), strict=True)),
        ticks=[
            (round(100 * float(at) / HEIGHT, 1), f"{np.exp(value):.4g}")
            for at, value in zip(y(values), values, strict=True)
        ],
        first=_moment(int(old.time[0])),
        last=_moment(int(old.time[-1])),
    )


def changed_bars(before: Bars, after: Bars) -> tuple[list[str], list[ChangedBar]]:
    """The columns that change, and the first LISTED bars with what they were and are."""
    times = bars_that_differ(before, after)[:LISTED]
    old, new = (bars.where(np.isin(bars.time, times)) for bars in (before, after))
    columns = _columns(before, after) or list(PRICES)
    at = np.searchsorted(new.time, old.time)
    rows = []
    for k, second in enumerate(old.time.tolist()):
        stays = at[k] < len(new) and new.time[at[k]] == second
        pairs = [(_text(getattr(old, name)[k]), _text(getattr(new, name)[at[k]]) if stays else "") for name in columns]
        rows.append(ChangedBar(_moment(second), pairs))
    return [_NAMES.get(name, name) for name in columns], rows


def _columns(old: Bars, new: Bars) -> Sequence[str]:
    """Those that differ at bars that both have, the adjusted close first."""
    at_old, at_new = np.isin(old.time, new.time), np.isin(new.time, old.time)
    names = ("adj_close", *(name for name in PRICES if name != "adj_close"))
    return [name for name in names if not np.array_equal(getattr(old, name)[at_old], getattr(new, name)[at_new])]


def _text(number: float) -> str:
    return f"{number:,.0f}" if number >= _LARGE else f"{number:.6g}"


def _points(x: Floats, y: Floats) -> str:
    return " ".join(f"{across:g},{down:g}" for across, down in zip(x.tolist(), y.tolist(), strict=True))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

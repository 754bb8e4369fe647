"""What was promised and what came: recommendations of days added up, by model and over time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.calendars import Days, as_day
from training.quant.universe.metrics import blocks_of, share_interval
from training.quant.universe.panel import CLASSES, classes

Floats = NDArray[np.float64]
_MONDAY = date(1970, 1, 5)


@dataclass(frozen=True)
class DayScore:
    """Sums over one day's scored recommendations; `promised` adds up P(BUY) of the BUYs, `rose` counts those of any
    label that reached the BUY bound, `earned` adds up the returns of the BUYs."""

    scored: int = 0
    buys: int = 0
    buy_hits: int = 0
    holds: int = 0
    hold_hits: int = 0
    sells: int = 0
    sell_hits: int = 0
    rose: int = 0
    promised: float = 0.0
    earned: float = 0.0


@dataclass(frozen=True)
class Scorecard:
    """Of some days of one model. Precision of BUY: `promised` (mean P(BUY)), on its test days (`tested`, `interval`),
    and `delivered` since, with an interval from blocks of twice the horizon: outcomes of nearer days overlap.
    `base_rate` is the share that reached the BUY bound on the same days, each day counted as often as it was bought on.
    None where nothing was bought."""

    days: int
    scored: int
    buys: int
    promised: float | None
    delivered: float | None
    delivered_interval: list[float] | None
    base_rate: float | None
    earned: float | None
    hit_rates: dict[str, float | None]
    tested: float | None
    interval: list[float] | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_below(self) -> bool:
        """It delivers less than its test days promised, by more than luck explains: below their interval, and what it
        promised lies above its own."""
        if self.delivered is None or self.interval is None or self.delivered_interval is None:
            return False
        assert self.promised is not None
        return self.delivered < self.interval[0] and self.delivered_interval[1] < self.promised


def hits(label: NDArray[Any], returns: Floats, *, buy: float, sell: float) -> NDArray[np.bool_]:
    """Whether what came is of the class that was said. `label` (n,) of names, `returns` (n,) without NaN. So a HOLD is
    hit by a return between the two bounds."""
    return np.asarray(np.array(CLASSES)[classes(returns, buy=buy, sell=sell)] == label)


def scorecard(
    days: Sequence[tuple[date, DayScore]],
    *,
    horizon: int | None,
    tested: float | None,
    interval: list[float] | None,
    sessions: Days | None = None,
) -> Scorecard:
    """Added up over `days`; no interval of what was delivered where `horizon` is None. `sessions`: ascending days on
    which the universe trades, from the first of `days` on; weekdays where they aren't known."""
    total = {name: sum(getattr(score, name) for _, score in days) for name in DayScore.__dataclass_fields__}
    buys = total["buys"]
    rates = {name: total[f"{name.lower()}_hits"] / n if (n := total[f"{name.lower()}s"]) else None for name in CLASSES}
    return Scorecard(
        days=sum(score.scored > 0 for _, score in days),
        scored=total["scored"],
        buys=buys,
        promised=total["promised"] / buys if buys else None,
        delivered=rates["BUY"],
        delivered_interval=_interval(days, horizon, sessions) if buys and horizon else None,
        base_rate=sum(s.rose / s.scored * s.buys for _, s in days if s.buys) / buys if buys else None,
        earned=total["earned"] / buys if buys else None,
        hit_rates=rates,
        tested=tested,
        interval=interval,
    )


def by_month(days: Sequence[tuple[date, DayScore]]) -> list[tuple[date, list[tuple[date, DayScore]]]]:
    """The days of each month under its first, ascending."""
    months: dict[date, list[tuple[date, DayScore]]] = {}
    for day, score in sorted(days, key=lambda one: one[0]):
        months.setdefault(day.replace(day=1), []).append((day, score))
    return list(months.items())


def _interval(days: Sequence[tuple[date, DayScore]], horizon: int, sessions: Days | None) -> list[float] | None:
    buys = [score.buys for _, score in days]
    hit = np.concatenate([np.arange(score.buys) < score.buy_hits for _, score in days])
    number = _numbers([day for day, _ in days], sessions)
    return share_interval(hit, np.repeat(blocks_of(number, horizon), buys))


def _numbers(days: Sequence[date], sessions: Days | None) -> Days:
    """Of each day its number among the sessions."""
    if sessions is None:
        return np.array([np.busday_count(_MONDAY, day) for day in days], dtype=np.int64)
    return np.searchsorted(sessions, [as_day(day) for day in days]).astype(np.int64)

"""Days: sessions without a bar, bars on days without a session, series that have ended."""

import numpy as np

from instruments.quant.calendars import DAY, Days, as_date
from instruments.quant.health.flaws import INFO, WARN, Flaw, stretches
from instruments.quant.health.subject import Subject

LONG = 5  # sessions missing in a row that are worth a look
QUARTER = 65  # sessions between two days at most, in one finding
ENDED = 14  # calendar days without a bar at the end, while others have some


def missing_sessions(subject: Subject) -> list[Flaw]:
    """Days between the first and the last bar on which its calendar traded and it has no bar."""
    if subject.sessions is None or subject.timeframe == "1w":
        return []
    is_missing = ~np.isin(subject.sessions, subject.days)
    return [
        _missing(subject.sessions[places], longest_run(places))
        for places in stretches(np.flatnonzero(is_missing), near=QUARTER)
    ]


def _missing(days: Days, longest: int) -> Flaw:
    span = _span(days)
    return Flaw(
        "missing_sessions",
        WARN if longest >= LONG else INFO,
        days * DAY,
        f"{_count(len(days), 'session')} without a bar, {span}."
        + (f" The longest hole is {longest} sessions." if 1 < longest < len(days) else ""),
        "Import these days from a source that has them.",
        {"longest": longest, "days": _listed(days)},
    )


def closed_days(subject: Subject) -> list[Flaw]:
    """Bars on days on which its calendar didn't trade."""
    if subject.sessions is None or subject.timeframe == "1w":
        return []
    is_closed = ~np.isin(subject.days, subject.sessions)
    return [_closed(subject, places) for places in stretches(np.flatnonzero(is_closed), near=QUARTER)]


def _closed(subject: Subject, places: np.ndarray) -> Flaw:
    bars, before = subject.bars, np.maximum(places - 1, 0)
    copies = int(np.count_nonzero((bars.close[places] == bars.close[before]) & (places > 0)))
    days = subject.days[places]
    text = f"{_count(len(places), 'bar')} on days on which {subject.calendar} is closed, {_span(days)}."
    return Flaw(
        "closed_days",
        WARN if len(places) > LONG else INFO,
        bars.time[places],
        f"{text} {copies} repeat the close before." if copies else text,
        "Remove these bars.",
        {"copies": copies, "days": _listed(days)},
    )


def ended(subject: Subject) -> list[Flaw]:
    """No bar for ENDED days, while other instruments of its calendar have newer ones."""
    if subject.newest is None or not len(subject.bars):
        return []
    last = int(subject.days[-1])
    behind = subject.newest - last
    if behind <= ENDED:
        return []
    return [
        Flaw(
            "ended",
            INFO,
            subject.bars.time[-1:],
            f"Its last bar is of {as_date(last)}; other instruments have bars up to {as_date(subject.newest)}.",
            "Import newer bars, or make the instrument inactive if it is no longer traded.",
            {"days_behind": behind},
        )
    ]


def longest_run(places: np.ndarray) -> int:
    """Of neighbouring places."""
    cuts = np.flatnonzero(np.diff(places) > 1)
    return int(np.diff(np.concatenate(([-1], cuts, [len(places) - 1]))).max())


def _span(days: Days) -> str:
    first, last = as_date(int(days[0])), as_date(int(days[-1]))
    return str(first) if first == last else f"{first} to {last}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(days: Days) -> list[str]:
    return [as_date(day).isoformat() for day in days[:100].tolist()]

"""All checks of a series, in one list."""

from collections.abc import Callable, Sequence

from instruments.quant.health.adjustment import adjustment_drift, sources_disagree
from instruments.quant.health.flaws import Flaw
from instruments.quant.health.prices import price_scale, within_bars
from instruments.quant.health.sessions import closed_days, ended, missing_sessions
from instruments.quant.health.subject import Subject
from instruments.quant.health.trading import frozen, stale

CHECKS: Sequence[Callable[[Subject], list[Flaw]]] = (
    missing_sessions,
    closed_days,
    price_scale,
    within_bars,
    stale,
    frozen,
    adjustment_drift,
    sources_disagree,
    ended,
)
LABELS = {
    "missing_sessions": "Missing sessions",
    "closed_days": "Bars on closed days",
    "split": "Split not applied",
    "half_split": "Half-applied split",
    "slip": "Slip of a digit",
    "outlier": "Outlier that reverts",
    "jump": "Unexplained jump",
    "stale": "Stale bars",
    "frozen": "Frozen bars",
    "adjustment_drift": "Adjustment drift",
    "sources_disagree": "Sources disagree",
    "ended": "Ended",
    "calendar_closed": "Bars on a closed day of most",
    "calendar_open": "A session that most lack",
}


def find_flaws(subject: Subject) -> list[Flaw]:
    """What any check finds in a series of at least two bars."""
    return [flaw for check in CHECKS for flaw in check(subject)] if len(subject.bars) > 1 else []

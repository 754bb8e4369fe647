"""What a universe run allows to be said: one label and one sentence, from its daily profit and loss alone."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from training.quant.candle.verdict import OPENINGS, Counted, Label, counted_text, odds, p_text
from training.quant.stats.multiple_testing import adjusted_p_value


@dataclass(frozen=True)
class UniverseVerdict:
    """`p_value`: probabilistic Sharpe ratio of the excess returns; `adjusted_p_value`, `tries`, `level` and `trial` as
    of a candle run's verdict, among the trials on universes that share members with this one."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int
    level: float | None
    trial: int | None
    days: int
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Carried:
    """Of a retraining that is not the first of its year: when that one was judged, and its own p-value."""

    judged_on: date
    own_p_value: float | None


def judge_universe(
    *, sharpe: float | None, days: int, counted: Counted, on: str, carried: Carried | None = None
) -> UniverseVerdict:
    """`sharpe` is that of the excess returns over `days` days; `on` the universe. The label is the trial's own, fixed
    when it was made."""
    p_value = counted.p_value
    return UniverseVerdict(
        label=counted.label,
        p_value=p_value,
        adjusted_p_value=None if p_value is None else adjusted_p_value(p_value, counted.k),
        tries=counted.k,
        level=counted.level,
        trial=None if counted.level is None else counted.k,
        days=days,
        sentence=_carried_sentence(carried, sharpe=sharpe, days=days, counted=counted, on=on)
        if carried
        else _sentence(sharpe=sharpe, days=days, counted=counted, on=on),
    )


def _sentence(*, sharpe: float | None, days: int, counted: Counted, on: str) -> str:
    opening, p_value = OPENINGS[counted.label], counted.p_value
    if p_value is None or sharpe is None:
        return f"{opening}: the strategy earned nothing of its own on {days} days."
    return (
        f"{opening}: a market-neutral Sharpe of {sharpe:.2f} (its market exposure removed), after costs, over {days} "
        f"days, is what luck gives in {odds(p_value)} (p = {p_text(p_value)}); {counted_text(counted, on)}."
    )


def _carried_sentence(carried: Carried, *, sharpe: float | None, days: int, counted: Counted, on: str) -> str:
    """The verdict of the year's first retraining, and what this one shows."""
    verdict_day = f"judged {carried.judged_on.day} {carried.judged_on:%B %Y}"
    first = "it earned nothing of its own" if counted.p_value is None else f"p = {p_text(counted.p_value)}"
    own = "this one earned nothing of its own"
    if sharpe is not None and carried.own_p_value is not None:
        own = (
            f"this one has a market-neutral Sharpe of {sharpe:.2f} over {days} days (p = {p_text(carried.own_p_value)})"
        )
    return (
        f"{OPENINGS[counted.label]}: the verdict of the year's first retraining ({verdict_day}, {first}); "
        f"{counted_text(counted, on)}. For information: {own}."
    )

"""What a universe run allows to be said: one label and one sentence, from its daily profit and loss alone."""

from dataclasses import dataclass
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


def judge_universe(*, sharpe: float | None, days: int, counted: Counted, on: str) -> UniverseVerdict:
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
        sentence=_sentence(sharpe=sharpe, days=days, counted=counted, on=on),
    )


def _sentence(*, sharpe: float | None, days: int, counted: Counted, on: str) -> str:
    opening, p_value = OPENINGS[counted.label], counted.p_value
    if p_value is None or sharpe is None:
        return f"{opening}: the strategy earned nothing of its own on {days} days."
    return (
        f"{opening}: a market-neutral Sharpe of {sharpe:.2f} (its market exposure removed), after costs, over {days} "
        f"days, is what luck gives in {odds(p_value)} (p = {p_text(p_value)}); {counted_text(counted, on)}."
    )

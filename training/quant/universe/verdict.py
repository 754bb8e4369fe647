"""What a universe run allows to be said: one label and one sentence, from its daily profit and loss alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.quant.candle.verdict import LEVEL, Label, odds, p_text
from training.quant.stats.significance import holm


@dataclass(frozen=True)
class UniverseVerdict:
    """`p_value`: probabilistic Sharpe ratio of the excess returns; `adjusted_p_value`: Holm's over the tries on the
    same universe."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int
    days: int
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def judge_universe(
    *, sharpe: float | None, p_value: float | None, days: int, tries: Sequence[float | None], own: int, on: str
) -> UniverseVerdict:
    """`tries` are the p-values of all tries on the universe `on`, `own` is this run's place among them; `sharpe` is
    that of the excess returns over `days` days."""
    if p_value is None or sharpe is None:
        sentence = f"No evidence of skill: the strategy earned nothing of its own on {days} days."
        return UniverseVerdict(Label.NO_EVIDENCE, None, None, len(tries), days, sentence)
    adjusted = holm(tries, own)
    label = Label.NO_EVIDENCE
    if p_value < LEVEL:
        label = Label.EVIDENCE if adjusted < LEVEL else Label.WEAK
    opening = {
        Label.EVIDENCE: "Evidence of skill",
        Label.WEAK: "Weak sign of skill, not evidence",
        Label.NO_EVIDENCE: "No evidence of skill",
    }[label]
    counted = f"{len(tries)} {'try' if len(tries) == 1 else 'tries'} on {on}"
    if p_value < LEVEL:
        counted = f"as the best of {counted} that is p = {p_text(adjusted)}"
    sentence = (
        f"{opening}: a market-neutral Sharpe of {sharpe:.2f} (its market exposure removed), after costs, over {days} "
        f"days, is what luck gives in {odds(p_value)} (p = {p_text(p_value)}); {counted}."
    )
    return UniverseVerdict(label, p_value, adjusted, len(tries), days, sentence)

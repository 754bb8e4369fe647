"""What a universe run allows to be said: one label and one sentence, of skill and of what was left after costs."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from training.quant.candle.verdict import LEAST_WINDOWS, LEVEL, OPENINGS, Counted, Label, counted_text, odds, p_text
from training.quant.stats.multiple_testing import adjusted_p_value
from training.quant.stats.sharpe import Excess
from training.quant.universe.evidence import AfterCosts, UniverseEvidence
from training.quant.universe.judge import smallest_ic


@dataclass(frozen=True)
class UniverseVerdict:
    """`p_value`: of the rank test over the walk's days; `adjusted_p_value`, `tries`, `level` and `trial` as of a candle
    run's verdict, among the trials on universes that share members with this one; `confirmed`: by a walk of at least 3
    `windows`; `smallest_ic`: the rank IC that so many `days` and `rows` show in 4 of 5 cases at the trial's level."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int
    level: float | None
    trial: int | None
    confirmed: bool
    windows: int
    rows: int
    days: int
    smallest_ic: float | None
    after_costs: AfterCosts | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "after_costs": vars(self.after_costs) if self.after_costs else None}


@dataclass(frozen=True)
class Carried:
    """Of a retraining that is not the first of its year: when that one was judged."""

    judged_on: date


@dataclass(frozen=True)
class Basis:
    """What a run has to show. `evidence`: its walk's, or while there is none that of its test days; `lost_after_costs`:
    the portfolio of the recommendations ended below its start; `excess`: what runs of before the rank test have."""

    evidence: UniverseEvidence | None
    confirmed: bool
    waits: bool = False  # for its walk
    lost_after_costs: bool = False
    excess: Excess | None = None


def judge_universe(
    basis: Basis, *, horizon: int, counted: Counted, on: str, carried: Carried | None = None
) -> UniverseVerdict:
    """`on`: the universe. The label is the trial's own, fixed when it was made."""
    evidence, p_value = basis.evidence, counted.p_value
    return UniverseVerdict(
        label=counted.label,
        p_value=p_value,
        adjusted_p_value=None if p_value is None else adjusted_p_value(p_value, counted.k),
        tries=counted.k,
        level=counted.level,
        trial=None if counted.level is None else counted.k,
        confirmed=basis.confirmed,
        windows=evidence.windows if evidence and basis.confirmed else 0,
        rows=evidence.rows if evidence else 0,
        days=evidence.days if evidence else basis.excess.days if basis.excess else 0,
        smallest_ic=_smallest_ic(evidence, horizon, counted.level),
        after_costs=evidence.after_costs if evidence else None,
        sentence=_sentence(basis, counted, on, carried),
    )


def _smallest_ic(evidence: UniverseEvidence | None, horizon: int, level: float | None) -> float | None:
    if evidence is None or not evidence.days:
        return None
    names = evidence.rows / evidence.days
    return smallest_ic(days=evidence.days, names=names, horizon=horizon, level=LEVEL if level is None else level)


def _sentence(basis: Basis, counted: Counted, on: str, carried: Carried | None) -> str:
    opening = OPENINGS[counted.label]
    if basis.excess is not None:
        return _sharpe_sentence(basis.excess, counted, on)
    if carried:
        first = "not confirmed" if counted.p_value is None else f"p = {p_text(counted.p_value)}"
        day = f"{carried.judged_on.day} {carried.judged_on:%B %Y}"
        fixed = f"the verdict of the year's first retraining (judged {day}, {first})"
        return f"{opening}: {fixed}; {counted_text(counted, on)}. For information: this one, {_skill_text(basis)}."
    skill = _skill_text(basis)
    costs = _costs_text(basis) if basis.confirmed else ""
    return f"{opening}: {skill}{costs}; {counted_text(counted, on)}."


def _skill_text(basis: Basis) -> str:
    evidence = basis.evidence
    if evidence is None or evidence.p_value is None:
        return "there are no days that its ranking could be judged on"
    p_value = evidence.p_value
    if basis.confirmed:
        return (
            f"over {evidence.days} days that none of its {evidence.windows} models had seen, its ranking did what luck "
            f"does in {odds(p_value)} (p = {p_text(p_value)})"
        )
    why = "its walk-forward is under way" if basis.waits else "not confirmed by a walk-forward"
    if evidence.windows:
        why = f"not confirmed: the history is too short for a walk-forward of {LEAST_WINDOWS} folds"
    return f"{why}; on {evidence.days} test days alone p = {p_text(p_value)}, for information"


def _costs_text(basis: Basis) -> str:
    """What was left: of the market-neutral portfolio of these ranks, and whether the recommendations' own lost."""
    after = basis.evidence.after_costs if basis.evidence else None
    if after is None or after.p_value is None:
        return ""
    which = f"a market-neutral book of these ranks, p = {p_text(after.p_value)}"
    if after.p_value >= LEVEL:
        return f"; after costs it would not have paid beyond luck ({which})"
    lost = "; the book of the recommendations did not" if basis.lost_after_costs else ""
    return f", and it would have paid after costs ({which}){lost}"


def _sharpe_sentence(excess: Excess, counted: Counted, on: str) -> str:
    """Of runs of before the rank test."""
    opening, p_value = OPENINGS[counted.label], counted.p_value
    if p_value is None or excess.sharpe is None:
        return f"{opening}: the strategy earned nothing of its own on {excess.days} days."
    luck = f"is what luck gives in {odds(p_value)} (p = {p_text(p_value)})"
    return (
        f"{opening}: a market-neutral Sharpe of {excess.sharpe:.2f} (its market exposure removed), after costs, over "
        f"{excess.days} days, {luck}; {counted_text(counted, on)}."
    )

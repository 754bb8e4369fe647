"""What the figures allow to be said, in one label and one sentence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from training.quant.stats.multiple_testing import adjusted_p_value, trial_level
from training.quant.stats.significance import smallest_visible_auc

LEVEL = 0.05
LEAST_WINDOWS = 3  # of a confirmation, for evidence
BEFORE_LEVELS = "by Holm, before the change"


class Label(StrEnum):
    """`evidence` needs a p-value below the trial's own level, from a confirmation of at least 3 windows."""

    NO_EVIDENCE = "no_evidence"
    WEAK = "weak"
    EVIDENCE = "evidence"


@dataclass(frozen=True)
class Counted:
    """What a trial fixed: it is the `k`-th of its ledger, needs a p-value below `level` (None: judged by Holm, before
    there were levels), and has `p_value` (None until a confirmation gives it) and `label`."""

    k: int
    level: float | None
    p_value: float | None
    label: Label


@dataclass(frozen=True)
class Verdict:
    """`p_value` is the pooled test's once confirmed, the single window's before; `adjusted_p_value` is the p-value
    times k (k + 1), below 0.05 where the p-value is below the trial's `level`; `tries` and `trial` are k, `trial` and
    `level` None where Holm judged; `rows` and `windows` are what the p-value was made from."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int
    level: float | None
    trial: int | None
    rows: int
    windows: int
    auc: float | None
    auc_interval: tuple[float, float] | None
    smallest_visible_auc: float | None
    confirmed: bool
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Evidence:
    """What one test said: a run's own window, or all windows of its confirmation pooled. `predicted_up` of the rows had
    a probability at or above their model's threshold; `draws`: see PermutationTest. None where that was not counted."""

    auc: float
    auc_interval: tuple[float, float] | None
    p_value: float
    rows: int
    windows: int
    positives: int
    predicted_up: int | None = None
    draws: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Evidence":
        interval = stored["auc_interval"]
        return cls(**{**stored, "auc_interval": tuple(interval) if interval else None})

    @property
    def smallest_visible_auc(self) -> float | None:
        return smallest_visible_auc(self.positives, self.rows - self.positives)

    @property
    def is_constant(self) -> bool:
        """The model said the same at every candle."""
        return self.predicted_up in (0, self.rows)


def label_of(p_value: float | None, *, level: float | None) -> Label:
    """`evidence` below `level` (None where nothing can be evidence), `weak` when only below 0.05."""
    if p_value is None or p_value >= LEVEL:
        return Label.NO_EVIDENCE
    return Label.EVIDENCE if level is not None and p_value < level else Label.WEAK


def can_be_evidence(pooled: Evidence, *, windows: int) -> bool:
    """Whether a confirmation of `windows` windows before the run's own suffices. A model that always says the same is
    buy and hold, or nothing, whatever the ranks of its probabilities."""
    return windows >= LEAST_WINDOWS and not pooled.is_constant


def judge(
    *,
    single: Evidence | None,
    pooled: Evidence | None,
    confirmed: bool,
    counted: Counted,
    on: str,
    seen_until: datetime | None = None,
) -> Verdict:
    """PROTOCOL §3 and §7.1. `single`: the run's own window, None for a live run, one class, or a window that a search
    has seen; `pooled`: its confirmation; `on`: what the trials of its ledger are on; `seen_until`: the last outcome
    that a search behind it saw. The label is the trial's own, fixed when it was made."""
    best, settled_p = pooled or single, counted.p_value
    return Verdict(
        label=counted.label,
        p_value=settled_p if settled_p is not None or best is None else best.p_value,
        adjusted_p_value=None if settled_p is None else adjusted_p_value(settled_p, counted.k),
        tries=counted.k,
        level=counted.level,
        trial=None if counted.level is None else counted.k,
        rows=best.rows if best else 0,
        windows=best.windows if best else 0,
        auc=best.auc if best else None,
        auc_interval=best.auc_interval if best else None,
        smallest_visible_auc=best.smallest_visible_auc if best else None,
        confirmed=confirmed,
        sentence=_nothing_unseen(seen_until, counted, on)
        if seen_until and best is None and settled_p is None
        else _sentence(single=single, pooled=pooled, confirmed=confirmed, counted=counted, on=on),
    )


OPENINGS = {
    Label.EVIDENCE: "Evidence of skill",
    Label.WEAK: "Weak sign of skill, not evidence",
    Label.NO_EVIDENCE: "No evidence of skill",
}


def _nothing_unseen(seen_until: datetime, counted: Counted, on: str) -> str:
    before = f"{seen_until:%Y-%m-%d}"
    return f"{OPENINGS[counted.label]}: nothing unseen to judge it by before {before}; {counted_text(counted, on)}."


def _sentence(*, single: Evidence | None, pooled: Evidence | None, confirmed: bool, counted: Counted, on: str) -> str:
    best = pooled or single
    if best is None and counted.p_value is None:
        if confirmed:
            return "No verdict possible: the windows have candles of one class only, so there is nothing to rank."
        return "Not judged yet: there is no test window to rank."
    clauses = []
    if single:
        clauses.append(f"AUC {single.auc:.2f} on {single.rows} candles is what luck gives in {odds(single.p_value)}")
    if pooled:
        measured = "it" if single else "its AUC"
        clauses.append(f"over {pooled.rows} candles {measured} was {pooled.auc:.2f} (p = {p_text(pooled.p_value)})")
    elif counted.p_value is not None:
        clauses.append(f"another run of the same trial was confirmed (p = {p_text(counted.p_value)})")
    elif single and single.smallest_visible_auc:
        clauses.append(visible_auc_text(single.rows, single.smallest_visible_auc))
    if best and best.is_constant:
        following = (
            "up at all {} candles: following it is buy and hold"
            if best.predicted_up
            else ("down at all {} candles: following it is holding nothing")
        )
        clauses.append(f"it said {following.format(best.rows)}")
    elif counted.level is not None and counted.label == Label.WEAK and _is_below(counted):
        clauses.append(f"evidence needs a confirmation of at least {LEAST_WINDOWS} windows")
    return f"{OPENINGS[counted.label]}: {'; '.join([*clauses, counted_text(counted, on)])}."


def _is_below(counted: Counted) -> bool:
    return counted.p_value is not None and counted.level is not None and counted.p_value < counted.level


def counted_text(counted: Counted, on: str) -> str:
    """How many trials there are, and what the last of them needs, where that matters."""
    text = trials_text(counted.k, on)
    if counted.level is None:
        return f"{text} ({BEFORE_LEVELS})"
    if counted.p_value is not None and counted.p_value < LEVEL:
        return f"{text}: the {ordinal(counted.k)} needs p < {level_text(counted.level)}"
    return text


def trials_text(k: int, on: str) -> str:
    return f"{k:,} {'trial' if k == 1 else 'trials'} on {on}"


def next_trial_text(k: int, on: str) -> str:
    """What is said before Start: others may complete theirs first."""
    return f"at least the {ordinal(k)} trial on {on}: needs p < {level_text(trial_level(k))}"


def visible_auc_text(rows: int, auc: float) -> str:
    """What `rows` candles can't show; rounded up, so that nothing is promised too early."""
    return f"with {rows} candles, an AUC below {math.ceil(auc * 100) / 100:.2f} can't be told from chance"


def ordinal(k: int) -> str:
    """7th."""
    ending = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k:,}{ending}"


def p_text(p_value: float) -> str:
    """Two decimals, or the one digit that matters: 0.03, 0.002, 5e-6."""
    return f"{p_value:.2f}" if p_value >= 0.01 else f"{p_value:.1g}".replace("e-0", "e-")


def level_text(level: float) -> str:
    """0.025, 0.0083, 0.0009, 5e-6."""
    return f"{level:.2g}" if level >= 0.001 else p_text(level)


def odds(p_value: float) -> str:
    """A p-value in words: 1 of 5 runs; below one in a million the share itself."""
    if p_value > 0.5:
        return "more than half of all runs"
    if p_value < 1e-6:
        return f"a share of {p_text(p_value)} of all runs"
    return f"1 of {round(1 / p_value):,} runs"

"""What the figures allow to be said, in one label and one sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from training.quant.stats.significance import holm, smallest_visible_auc

LEVEL = 0.05


class Label(StrEnum):
    """`evidence` needs a confirmed run whose adjusted p-value is below 0.05."""

    NO_EVIDENCE = "no_evidence"
    WEAK = "weak"
    EVIDENCE = "evidence"


@dataclass(frozen=True)
class Verdict:
    """`p_value` is the pooled test's once confirmed, the single window's before; `adjusted_p_value` is Holm's over the
    team's tries on the same series; `rows` and `windows` are what the p-value was made from."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int
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
    """What one test said: a run's own window, or all windows of its confirmation pooled."""

    auc: float
    auc_interval: tuple[float, float] | None
    p_value: float
    rows: int
    windows: int
    positives: int

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Evidence":
        interval = stored["auc_interval"]
        return cls(**{**stored, "auc_interval": tuple(interval) if interval else None})

    @property
    def smallest_visible_auc(self) -> float | None:
        return smallest_visible_auc(self.positives, self.rows - self.positives)


def judge(
    *,
    single: Evidence | None,
    pooled: Evidence | None,
    confirmed: bool,
    tries: Sequence[float | None],
    own: int,
    on: str,
) -> Verdict:
    """PROTOCOL §3. `single`: the run's own window, None for a live run or one class; `pooled`: its confirmation.

    `tries` are the p-values of all tries on the series `on` (None while unconfirmed), `own` is this run's place among
    them.
    """
    adjusted = holm(tries, own) if confirmed and pooled else None
    return judge_adjusted(single=single, pooled=pooled, confirmed=confirmed, adjusted=adjusted, tries=len(tries), on=on)


def judge_adjusted(
    *,
    single: Evidence | None,
    pooled: Evidence | None,
    confirmed: bool,
    adjusted: float | None,
    tries: int,
    on: str,
) -> Verdict:
    """As `judge`, where the adjusted p-value of a confirmed run among so many `tries` is known already. An unconfirmed
    run is `weak` at most."""
    best = pooled or single
    if best is None:
        sentence = (
            "No verdict possible: the windows have candles of one class only, so there is nothing to rank."
            if confirmed
            else "Not judged yet: there is no test window to rank."
        )
        return Verdict(Label.NO_EVIDENCE, None, adjusted, tries, 0, 0, None, None, None, confirmed, sentence)
    label = Label.NO_EVIDENCE
    if best.p_value < LEVEL:
        label = Label.EVIDENCE if adjusted is not None and adjusted < LEVEL else Label.WEAK
    return Verdict(
        label=label,
        p_value=best.p_value,
        adjusted_p_value=adjusted,
        tries=tries,
        rows=best.rows,
        windows=best.windows,
        auc=best.auc,
        auc_interval=best.auc_interval,
        smallest_visible_auc=best.smallest_visible_auc,
        confirmed=confirmed,
        sentence=_sentence(label, single=single, pooled=pooled, adjusted=adjusted, tries=tries, on=on),
    )


_OPENING = {
    Label.EVIDENCE: "Evidence of skill",
    Label.WEAK: "Weak sign of skill, not evidence",
    Label.NO_EVIDENCE: "No evidence of skill",
}


def _sentence(
    label: Label, *, single: Evidence | None, pooled: Evidence | None, adjusted: float | None, tries: int, on: str
) -> str:
    said = []
    if single:
        said.append(f"AUC {single.auc:.2f} on {single.rows} candles is what luck gives in {odds(single.p_value)}")
    if pooled:
        said.append(f"over {pooled.rows} candles it was {pooled.auc:.2f} (p = {p_text(pooled.p_value)})")
    elif single and single.smallest_visible_auc:
        visible = math.ceil(single.smallest_visible_auc * 100) / 100
        said.append(f"with {single.rows} candles, an AUC below {visible:.2f} can't be told from chance")
    counted = f"{tries} {'try' if tries == 1 else 'tries'} on {on}"
    if adjusted is not None and pooled and pooled.p_value < LEVEL:
        said.append(f"as the best of {counted} that is p = {p_text(adjusted)}")
    else:
        said.append(counted)
    return f"{_OPENING[label]}: {'; '.join(said)}."


def p_text(p_value: float) -> str:
    """Two digits that matter."""
    return f"{p_value:.2f}" if p_value >= 0.01 else f"{p_value:.1g}" if p_value >= 0.0001 else "0.0001 or less"


def odds(p_value: float) -> str:
    """A p-value in words: 1 of 5 runs."""
    if p_value > 0.5:
        return "more than half of all runs"
    return f"1 of {round(1 / p_value):,} runs"

"""What the figures allow to be said, in one label and one sentence."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from training.quant.metrics import Metrics
from training.quant.significance import PermutationTest, smallest_visible_auc

LEVEL = 0.05


class Label(StrEnum):
    """`evidence` needs a confirmed run whose adjusted p-value is below 0.05."""

    NO_EVIDENCE = "no_evidence"
    WEAK = "weak"
    EVIDENCE = "evidence"


@dataclass(frozen=True)
class Verdict:
    """`adjusted_p_value` and `tries` are None until the run is confirmed and its tries are counted."""

    label: Label
    p_value: float | None
    adjusted_p_value: float | None
    tries: int | None
    rows: int
    windows: int
    auc: float | None
    auc_interval: tuple[float, float] | None
    smallest_visible_auc: float | None
    confirmed: bool
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def single_window_verdict(test: Metrics | None, permuted: PermutationTest | None) -> Verdict:
    """Of one test window alone: `weak` at most, because a window of this size shows little and confirms nothing."""
    if test is None:
        return _unjudged(0, "Not judged yet: this candle has no test window, its future has not happened.")
    if permuted is None or test.auc is None:
        return _unjudged(test.rows, f"No verdict possible: {test.undefined['auc']}, so there is nothing to rank.")
    tn, fp, fn, tp = test.confusion
    visible = smallest_visible_auc(tp + fn, tn + fp)
    weak = permuted.p_value < LEVEL
    luck = f"AUC {test.auc:.2f} on {test.rows} candles is what luck gives in {odds(permuted.p_value)}"
    limit = (
        f"{test.rows} candles can only tell an AUC above {math.ceil(visible * 100) / 100:.2f} from luck"
        if visible
        else ""
    )
    return Verdict(
        label=Label.WEAK if weak else Label.NO_EVIDENCE,
        p_value=permuted.p_value,
        adjusted_p_value=None,
        tries=None,
        rows=test.rows,
        windows=1,
        auc=test.auc,
        auc_interval=test.auc_interval,
        smallest_visible_auc=visible,
        confirmed=False,
        sentence=f"Weak sign, not confirmed: {luck}; {limit}." if weak else f"No evidence of skill: {luck}; {limit}.",
    )


def odds(p_value: float) -> str:
    """A p-value in words: 1 in 5 runs."""
    if p_value > 0.5:
        return "more than half of all runs"
    return f"1 of {round(1 / p_value):,} runs"


def _unjudged(rows: int, sentence: str) -> Verdict:
    return Verdict(Label.NO_EVIDENCE, None, None, None, rows, 1 if rows else 0, None, None, None, False, sentence)

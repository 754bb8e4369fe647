"""What a sweep's claims allow to be said, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.quant.candle.verdict import OPENINGS, Counted, Label, counted_text, p_text


@dataclass(frozen=True)
class Claims:
    """Claim (a): `p_value`, of the row with the largest AUC, `label` and `auc`. Claim (b): `p_better`, None with fewer
    than two compared rows; `is_best`: the row is better than the others, by both claims."""

    label: str
    auc: float
    p_value: float
    p_better: float | None
    is_best: bool


def sweep_sentence(
    claims: Claims | None, *, what: str, candles: int, seen: Sequence[str], counted: Counted, on: str
) -> str:
    """`what`: what the rows differ by, in one word; `candles`: cells in the largest row; `seen`: the days up to which
    searches have seen the settings. `claims` is None where there is nothing to rank."""
    trials = counted_text(counted, on)
    if claims is None:
        why = f"nothing unseen to judge it by before {max(seen)}" if seen else "there is nothing to rank"
        return f"{OPENINGS[counted.label]}: {why}; {trials}."
    evidence = f"{claims.auc:.2f}, p = {p_text(claims.p_value)}; {candles} candles; {trials}."
    if claims.p_better is None:
        return f"{OPENINGS[counted.label]}: AUC {evidence}"
    better = f"p = {p_text(claims.p_better)}"
    if claims.is_best:
        return f"{claims.label} is better than the other {what}s by more than luck ({better}): AUC {evidence}"
    equal = f"o {what} is better than another by more than luck"
    if counted.label == Label.EVIDENCE:
        return f"Evidence of skill, but n{equal} ({better}): {claims.label} {evidence}"
    return f"N{equal}: {claims.label} {evidence}"

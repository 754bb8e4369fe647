"""What a universe's predictions of unseen days say of its skill: the rank test, and how much it could have shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.exposure import Exposures, exposures_of
from training.quant.universe.judge import rank_test
from training.quant.universe.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class AfterCosts:
    """Of the market-neutral portfolio of the ranks: one-sided p-value of its alpha, annualised Sharpe ratio."""

    p_value: float | None
    sharpe: float | None


@dataclass(frozen=True)
class UniverseEvidence:
    """`p_value`, `ranked_p_value`: see RankTest, None where there was nothing to judge; `days` that were judged, `rows`
    on them; `windows`: models of a walk whose predictions these are, 0 for those of one test part."""

    p_value: float | None
    ranked_p_value: float | None
    days: int
    rows: int
    windows: int
    after_costs: AfterCosts

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "UniverseEvidence":
        return cls(**{**stored, "after_costs": AfterCosts(**stored["after_costs"])})


def universe_evidence(
    panel: Panel,
    rows: Ints,
    scores: Floats,
    *,
    horizon: int,
    windows: int = 0,
    exposures: Exposures | None = None,
) -> UniverseEvidence:
    """`scores` (n,) of the panel's `rows` (n,), higher for what is expected to do better; `exposures` are the panel's,
    where they are there already."""
    return evidence_of_both(panel, rows, scores, None, horizon=horizon, windows=windows, exposures=exposures)[0]


def evidence_of_both(
    panel: Panel,
    rows: Ints,
    scores: Floats,
    beside: Floats | None,
    *,
    horizon: int,
    windows: int = 0,
    exposures: Exposures | None = None,
) -> tuple[UniverseEvidence, float | None]:
    """The same, and the p-value of another model's scores `beside` (n,), NaN where it has none. Where both have the
    same rows, exposures are taken out of both at once, which is most of the work."""
    first, table = _by_day(panel, rows, scores)
    other = None if beside is None else _by_day(panel, rows, beside)[1]
    is_alike = other is not None and np.array_equal(np.isnan(other), np.isnan(table))
    test = partial(
        rank_test,
        first=first,
        horizon=horizon,
        close=panel.close,
        exposures=exposures or exposures_of(panel.close, panel.traded, panel.member),
        bars_a_year=panel.bars_a_year,
    )
    tested = test(table, beside=other if is_alike else None)
    evidence = UniverseEvidence(
        p_value=tested.p_value,
        ranked_p_value=tested.ranked_p_value,
        days=len(tested.days),
        rows=int((~np.isnan(table[tested.days - first])).sum()),
        windows=windows,
        after_costs=AfterCosts(tested.after_costs.p_value, tested.after_costs.sharpe),
    )
    return evidence, tested.beside_p_value if other is None or is_alike else test(other).p_value


def _by_day(panel: Panel, rows: Ints, scores: Floats) -> tuple[int, Floats]:
    """The place of the first day, and (T, N) from it on, NaN where there is no row."""
    first, last = int(panel.day[rows].min()), int(panel.day[rows].max())
    table = np.full((last - first + 1, len(panel.symbols)), np.nan)
    table[panel.day[rows] - first, panel.instrument[rows]] = scores
    return first, table

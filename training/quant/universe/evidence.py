"""What a universe's predictions of unseen days say of its skill: the rank test, and how much it could have shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.exposure import Exposures, exposures_of
from training.quant.universe.judge import rank_p_value, rank_test
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
    first, table = _by_day(panel, rows, scores)
    test = rank_test(
        table,
        first=first,
        horizon=horizon,
        close=panel.close,
        exposures=exposures or exposures_of(panel.close, panel.traded, panel.member),
        bars_a_year=panel.bars_a_year,
    )
    return UniverseEvidence(
        p_value=test.p_value,
        ranked_p_value=test.ranked_p_value,
        days=len(test.days),
        rows=int((~np.isnan(table[test.days - first])).sum()),
        windows=windows,
        after_costs=AfterCosts(test.after_costs.p_value, test.after_costs.sharpe),
    )


def evidence_p_value(
    panel: Panel, rows: Ints, scores: Floats, *, horizon: int, exposures: Exposures | None = None
) -> float | None:
    """The p-value of `universe_evidence` alone."""
    first, table = _by_day(panel, rows, scores)
    exposures = exposures or exposures_of(panel.close, panel.traded, panel.member)
    return rank_p_value(table, first=first, horizon=horizon, close=panel.close, exposures=exposures)


def _by_day(panel: Panel, rows: Ints, scores: Floats) -> tuple[int, Floats]:
    """The place of the first day, and (T, N) from it on, NaN where there is no row."""
    first, last = int(panel.day[rows].min()), int(panel.day[rows].max())
    table = np.full((last - first + 1, len(panel.symbols)), np.nan)
    table[panel.day[rows] - first, panel.instrument[rows]] = scores
    return first, table

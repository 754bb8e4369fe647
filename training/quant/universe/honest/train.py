"""The recipe `honest`: fitted on the rows whose outcome is known on a day, speaking of the rows after. PROTOCOL §4b.

A panel is prepared once; a walk's folds and a run's fits then differ only in the day up to which outcomes are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.threads import on_one_blas_thread
from training.quant.universe.exposure import FEWEST_MORE, Exposures, at_least_quarter, exposures_of
from training.quant.universe.forward import Forward
from training.quant.universe.honest.composite import (
    average_ranks,
    composite,
    composite_weights,
    feature_ranks,
    horizons_of,
)
from training.quant.universe.honest.target import day_targets
from training.quant.universe.honest.trees import fit_trees, tree_scores
from training.quant.universe.metrics import rank_ic
from training.quant.universe.panel import MODEL_FEATURES, Panel, TooLittle
from training.quant.universe.ranks import by_blocks_of_days, row_table
from training.quant.universe.room import Room, columns_in_memory, rows_of

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
Bytes = NDArray[np.uint8]

VOLATILITY = MODEL_FEATURES.index("volatility_20")
IC_SHARE = 80  # per cent of the training days that a fit measured on the rest is made of
COMPOSITE, TREES = SCORES = ("composite", "trees")


@dataclass(frozen=True)
class HonestRows:
    """A panel's rows (n,) as the recipe sees them. `ranks` (n, k) of MODEL_FEATURES; `volatility` (n,) of 20 days, at
    least a quarter of the day's median; `forward` by horizon, the run's own first; `targets` (n,) by horizon, of all
    outcomes known at the panel's end. Nothing of the panel's `features` is needed any more. `binned`: these rows as
    trees see them, where several fits are to share that."""

    day: Ints
    instrument: Ints
    ranks: Singles
    volatility: Singles
    exposures: Exposures
    forward: Mapping[int, Forward]
    targets: Mapping[int, Floats]
    binned: Bytes | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return MODEL_FEATURES[: self.ranks.shape[1]]

    @property
    def horizon(self) -> int:
        return next(iter(self.forward))

    def sigma(self, chosen: Ints) -> Floats:
        """(m,) deviations of a day's return, of the rows numbered `chosen`."""
        return self.exposures.sigma[self.day[chosen], self.instrument[chosen]]

    def targets_until(self, horizon: int, until: int) -> Floats:
        """(n,) targets from the outcomes known on the day at place `until`; NaN for the others. A day's mean and
        projection are those of its known rows, so that only days of which a part is known are computed anew."""
        outcome = self.forward[horizon].outcome
        is_known = outcome <= until
        targets = np.where(is_known, self.targets[horizon], np.nan)
        days = len(self.exposures.sigma)
        is_partly = np.bincount(self.day[~is_known & (outcome < days)], minlength=days) > 0
        rows = np.flatnonzero(is_known & is_partly[self.day])
        targets[rows] = _targets_of(rows, self, horizon)
        return targets


@dataclass(frozen=True)
class HonestFit:
    """`weights` (k,) by horizon; `rows` fitted on for the run's own horizon and their `mean_return`; `used_until` is
    the place of the last day whose outcome any of it has seen."""

    weights: Mapping[int, Floats]
    trees: "lightgbm.Booster | None"
    mean_return: float
    rows: int
    used_until: int


@on_one_blas_thread
def honest_rows(
    panel: Panel, horizon: int, *, exposures: Exposures | None = None, room: Room = columns_in_memory
) -> HonestRows:
    """What all fits on this panel share; its `forward` must hold `horizons_of(horizon)`. `exposures` are the panel's,
    where they are there already; `room` is for the ranks."""
    exposures = exposures or exposures_of(panel.close, panel.traded, panel.member)
    features = panel.features[:, : len(MODEL_FEATURES)]
    rows = HonestRows(
        day=panel.day,
        instrument=panel.instrument,
        ranks=feature_ranks(panel.day, panel.instrument, features, room=room),
        volatility=_volatility(panel, features[:, VOLATILITY]),
        exposures=exposures,
        forward={own: panel.forward[own] for own in horizons_of(horizon)},
        targets={},
    )
    targets = {}
    for own, forward in rows.forward.items():
        has_outcome = np.flatnonzero(forward.has_outcome)
        targets[own] = np.full(len(panel.day), np.nan)
        targets[own][has_outcome] = _targets_of(has_outcome, rows, own)
    return HonestRows(**{**vars(rows), "targets": targets})


@on_one_blas_thread
def fit_honest(rows: HonestRows, *, until: int, since: int = 0, with_trees: bool, seed: int) -> HonestFit:
    """On all rows from the day at place `since` on whose outcome is known on the day at place `until`, for each horizon
    by its own outcomes. Raises TooLittle where no day has enough rows."""
    own = rows.horizon
    fits = {h: _fit_composite(rows, h, until=until, since=since) for h in rows.forward}
    trees = None
    if with_trees:
        targets = _targets_between(rows, own, until=until, since=since)
        trees = fit_trees(rows.ranks, targets, names=rows.names, horizon=own, seed=seed, all_rows=rows.binned)
    return HonestFit(
        weights={h: fit.weights for h, fit in fits.items()},
        trees=trees,
        mean_return=fits[own].mean_return,
        rows=fits[own].rows,
        used_until=max(fit.used_until for fit in fits.values()),
    )


@dataclass(frozen=True)
class _CompositeFit:
    """Of one horizon, as of HonestFit."""

    weights: Floats
    mean_return: float
    rows: int
    used_until: int


def _fit_composite(rows: HonestRows, horizon: int, *, until: int, since: int) -> _CompositeFit:
    """Raises TooLittle."""
    targets, forward = _targets_between(rows, horizon, until=until, since=since), rows.forward[horizon]
    used = np.flatnonzero(~np.isnan(targets))
    if not len(used):
        raise TooLittle(
            f"Too few instruments: no day has {FEWEST_MORE} with all features and a known outcome ({FEWEST_MORE} more "
            "than the factors that are taken out of a larger universe). Add instruments or more history, or take the "
            "recipe phase22."
        )
    return _CompositeFit(
        weights=composite_weights(rows.ranks, targets),
        mean_return=float(forward.returns[used].mean()),
        rows=len(used),
        used_until=int(forward.outcome[used].max()),
    )


def _targets_between(rows: HonestRows, horizon: int, *, until: int, since: int) -> Floats:
    """(n,) `targets_until` of the rows from the day at place `since` on."""
    targets = rows.targets_until(horizon, until)
    targets[rows.day < since] = np.nan
    return targets


def score_rows(rows: HonestRows, chosen: Ints, fit: HonestFit, score: str = COMPOSITE) -> Floats:
    """(m,) scores of the rows numbered `chosen`, whole days of them: they are ranked within their days."""
    ranks = rows_of(rows.ranks, chosen)
    if score == TREES:
        assert fit.trees is not None
        return tree_scores(fit.trees, ranks)
    scores = [composite(ranks, weights) for weights in fit.weights.values()]
    return average_ranks(rows.day[chosen], rows.instrument[chosen], scores)


def mean_ic(rows: HonestRows, chosen: Ints, scores: Floats, *, until: int) -> float | None:
    """Mean over days of Spearman's correlation of `scores` (m,) and returns of the rows `chosen` (m,) whose outcome is
    known on the day at place `until`; None where there are none."""
    own = rows.forward[rows.horizon]
    is_known = own.outcome[chosen] <= until
    daily = rank_ic(rows.day[chosen][is_known], scores[is_known], own.returns[chosen][is_known])
    return float(daily.mean()) if len(daily) else None


def first_ic(rows: HonestRows, *, until: int, since: int = 0, embargo: int = 0, seed: int, score: str) -> float:
    """The IC that expected returns go by where no part before was judged: of a fit on the first 80 % of the training
    days, purged, measured on the rest of them. 0 where it can't be measured."""
    own = rows.forward[rows.horizon]
    used = np.flatnonzero((own.outcome <= until) & (rows.day >= since))
    days = np.unique(rows.day[used])
    if not len(days):
        return 0.0
    start = int(days[len(days) * IC_SHARE // 100])
    try:
        fit = fit_honest(rows, until=start - embargo, since=since, with_trees=score == TREES, seed=seed)
    except TooLittle:
        return 0.0
    later = np.flatnonzero((rows.day >= start) & (rows.day <= int(days[-1])))
    return mean_ic(rows, later, score_rows(rows, later, fit, score), until=until) or 0.0


def fold_ic(rows: HonestRows, earlier: Sequence[tuple[Ints, Floats]], *, first: int) -> float | None:
    """The IC that a fold's expected returns go by: of the (rows, scores) of all folds before it, as far as outcomes are
    known on its first day. None where none are: then `first_ic` stands in."""
    if not earlier:
        return None
    chosen, scores = (np.concatenate(parts) for parts in zip(*earlier, strict=True))
    return mean_ic(rows, chosen, scores, until=first)


def score_table(rows: HonestRows, chosen: Ints, scores: Floats, *, first: int, last: int) -> Floats:
    """(last - first + 1, N) of the days at these places, NaN where there is no row: as `rank_test` takes them."""
    table = np.full((last - first + 1, rows.exposures.sigma.shape[1]), np.nan)
    table[rows.day[chosen] - first, rows.instrument[chosen]] = scores
    return table


def _volatility(panel: Panel, volatility: Singles) -> Singles:
    out = np.empty(len(panel.day), dtype=np.float32)
    table = row_table(panel.day, panel.instrument, len(panel.symbols))
    by_blocks_of_days(table, volatility, lambda values: at_least_quarter(values, ~np.isnan(values)), out=out)
    return out


def _targets_of(chosen: Ints, rows: HonestRows, horizon: int) -> Floats:
    return day_targets(
        rows.day[chosen],
        rows.instrument[chosen],
        returns=rows.forward[horizon].returns[chosen],
        deviation=rows.volatility[chosen].astype(np.float64) * np.sqrt(horizon),
        exposures=rows.exposures,
    )

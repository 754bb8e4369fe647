"""Walking a universe forward: trained on the past, judged on the next days, again and again. PROTOCOL §4."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from training.quant.stats.bootstrap import equity_band
from training.quant.universe.fit import shadow_gains
from training.quant.universe.honest.run import predict_fold
from training.quant.universe.honest.train import HonestRows, honest_rows
from training.quant.universe.importance import FoldImportance
from training.quant.universe.metrics import signals_of
from training.quant.universe.panel import Floats, Ints, Panel, TooLittle
from training.quant.universe.predictions import Predictions, concatenate
from training.quant.universe.shelf_life import AgeBin, age_bins
from training.quant.universe.spec import HONEST
from training.quant.universe.train import Evaluation, beside_logistic, evaluate_predictions, fit_rows, label_rows
from training.quant.walk_forward.positions import Positions, positions_of
from training.quant.walk_forward.spec import WalkSpec


@dataclass(frozen=True)
class WalkPlan:
    """A walk planned: `days` are the places of all days with labels, the first `before` of which are trained on only;
    `labels` as `label_rows`; `honest`: the panel's rows as that recipe sees them, where they are there already."""

    panel: Panel
    walk: WalkSpec
    labels: Ints
    days: Ints
    before: int
    honest: HonestRows | None = None

    @cached_property
    def rows(self) -> HonestRows:
        """`honest`, made where it isn't there yet."""
        return self.honest or honest_rows(self.panel, self.walk.spec.horizon)

    def span(self, number: int) -> tuple[int, int]:
        """Places of the first and the last day that fold `number` (from 0 on) is judged on."""
        start = self.before + number * self.walk.step
        return int(self.days[start]), int(self.days[start + self.walk.step - 1])

    def evaluated(self, number: int) -> Ints:
        """Rows that the fold is judged on: all that have features on its days."""
        first, last = self.span(number)
        return np.flatnonzero((self.panel.day >= first) & (self.panel.day <= last))

    @property
    def all_evaluated(self) -> Ints:
        """Those of all folds, oldest first."""
        return np.concatenate([self.evaluated(number) for number in range(self.walk.folds)])

    def used(self, number: int) -> Ints:
        """Rows that its models are fitted on: their outcomes were known on its first day."""
        first, _ = self.span(number)
        is_known = self.panel.outcome <= first - self.walk.spec.embargo
        return np.flatnonzero(is_known & (self.panel.day >= self.since(number)))

    def since(self, number: int) -> int:
        """Place of the first day that its models are fitted on."""
        return int(self.days[number * self.walk.step]) if self.walk.window == "rolling" else 0


@dataclass(frozen=True)
class Fold:
    """Places of days: the last one trained on, first and last one evaluated; `predictions` of `evaluation.rows`."""

    train_last: int
    first: int
    last: int
    predictions: Predictions
    evaluation: Evaluation
    importance: FoldImportance


def plan_walk(panel: Panel, walk: WalkSpec, *, honest: HonestRows | None = None) -> WalkPlan:
    """The last `folds` x `step` labelled days, `step` at a time, each by models whose outcomes were all known on its
    first day. `rolling` trains on as many days as the first fold has, `expanding` on all before. Raises TooLittle.
    """
    days = panel.labelled_days
    before = len(days) - walk.folds * walk.step
    if len(days) < walk.days_needed:
        raise TooLittle(
            f"Too little data: {len(days)} days have all features and a known outcome; {walk.folds} folds of "
            f"{walk.step} days need {walk.days_needed}. Take fewer or shorter folds, or import more "
            "history."
        )
    return WalkPlan(panel, walk, label_rows(panel, walk.spec), days, before, honest)


def walk_fold(
    plan: WalkPlan,
    number: int,
    *,
    on_fold: Callable[[int, str], None],
    scores: Mapping[int, Floats] = MappingProxyType({}),
) -> Fold:
    """Fold `number` (from 0 on): fitted on its past, judged on its days. `scores` of folds before it, as far as they
    are over: the recipe `honest` would make them again."""
    panel, spec = plan.panel, plan.walk.spec
    used, rows = plan.used(number), plan.evaluated(number)
    first, last = plan.span(number)
    _assert_no_leak(panel, used, rows)
    on_fold(number, fold_text(plan, number))
    if spec.recipe == HONEST:
        numbers = range(number + 1)
        spans, sinces = [plan.span(each) for each in numbers], [plan.since(each) for each in numbers]
        predictions, importance = predict_fold(panel, plan.rows, spec, spans, sinces, scores=scores)
    else:
        predictions = fit_rows(panel, plan.labels, used, seed=spec.seed).predict(panel.features[rows])
        predictions = replace(predictions, beside=beside_logistic(panel, plan.labels, used, rows))
        importance = shadow_gains(panel, used, seed=spec.seed)
    evaluation = _evaluate(plan, rows, predictions)
    return Fold(int(panel.day[used].max()), first, last, predictions, evaluation, importance)


def fold_text(plan: WalkPlan, number: int) -> str:
    """What the fold is fitted on and judged by."""
    first, _ = plan.span(number)
    return f"{len(plan.used(number)):,} rows, then {plan.walk.step} days from {_date(plan.panel, first)} on"


def pool_folds(plan: WalkPlan, predictions: Sequence[Predictions]) -> Evaluation:
    """All folds, oldest first, as one unbroken book."""
    return _evaluate(plan, plan.all_evaluated, concatenate(predictions))


def pool_positions(plan: WalkPlan, predictions: Sequence[Predictions]) -> Positions:
    """Those of that book, each to its own exit: the last ones leave after the book's last day, if the panel goes on."""
    signals = signals_of(concatenate(predictions).labels)
    return positions_of(plan.panel, plan.all_evaluated, signals, horizon=plan.walk.spec.horizon)


def fold_json(panel: Panel, fold: Fold) -> dict[str, Any]:
    """CONTRACT's fold."""
    return {
        "train_last": _date(panel, fold.train_last),
        "first": _date(panel, fold.first),
        "last": _date(panel, fold.last),
        **fold.evaluation.metrics,
    }


def pool_ages(plan: WalkPlan, pooled: Evaluation) -> list[AgeBin]:
    """How the folds' models ranked by their age."""
    panel, embargo = plan.panel, plan.walk.spec.embargo
    firsts = np.concatenate(
        [np.full(len(plan.evaluated(number)), plan.span(number)[0]) for number in range(plan.walk.folds)]
    )
    known = panel.has_outcome[pooled.rows]
    rows = pooled.rows[known]
    age = panel.day[rows] - firsts[known] + embargo + 1
    scores, horizon = pooled.predictions.scores[known], plan.walk.spec.horizon
    return age_bins(panel.day[rows], age, scores, panel.returns[rows], horizon=horizon)


def walk_json(panel: Panel, folds: list[dict[str, Any]], pooled: Evaluation, *, horizon: int) -> dict[str, Any]:
    """CONTRACT's folds and pooled M; `stability`: in how many folds each figure was on the good side."""
    good = {"rank_ic": 0.0, "lift_buy": 0.0, "sharpe": 0.0, "excess_sharpe": 0.0}
    book = pooled.portfolios
    band = equity_band(book.long_short.returns, mean_block=horizon)
    return {
        "folds": folds,
        "pooled": pooled.metrics,
        "stability": {
            name: sum(1 for fold in folds if fold[name] is not None and fold[name] > bound)
            for name, bound in good.items()
        },
        "curve": {
            "days": [_date(panel, place) for place in book.days.tolist()],
            "long_short": book.long_short.equity[1:].tolist(),
            "equal_weight": book.equal_weight.equity[1:].tolist(),
            "band": vars(band) if band else None,
        },
    }


def _evaluate(plan: WalkPlan, rows: Ints, predictions: Predictions) -> Evaluation:
    """By every outcome that the panel knows."""
    known_by = len(plan.panel.days) - 1
    return evaluate_predictions(plan.panel, plan.labels, rows, predictions, plan.walk.spec, known_by=known_by)


def _assert_no_leak(panel: Panel, used: Ints, rows: Ints) -> None:
    """PROTOCOL §5.2; AssertionError stops the walk rather than let it tell a lie."""
    if panel.outcome[used].max() > panel.day[rows].min():
        raise AssertionError("an outcome used in fitting is later than the first decision that is judged")


def _date(panel: Panel, place: int) -> str:
    return str(panel.days[place].astype("datetime64[D]"))

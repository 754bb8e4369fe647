"""Out of how many a universe's run was picked: what its ledger holds, for figures that stand beside the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from training.evidence.trials import TrialFields, linked_members, of_universes, prospective_k
from training.models import Status, TrainingRun, Trial
from training.quant.stats.equity import returns_of
from training.quant.stats.overfitting import backtest_overfitting, deflated_sharpe

Floats = NDArray[np.float64]

MOST_WALKS = 200  # the newest, whose curves are read
SAME_DAYS = 0.9  # of a walk's days that another must share to be held against it
FEWEST_RATIOS = 5  # of which a variance is taken


@dataclass(frozen=True)
class Curve:
    """Daily returns (T,) of a walk's portfolio, and their days (T,) since 1970, ascending."""

    days: NDArray[np.int64]
    returns: Floats


@dataclass(frozen=True)
class Selection:
    """`trials`: the k of a run in its ledger; `walks`: of the other configurations that were walked there, each once,
    newest first."""

    trials: int
    walks: Sequence[Curve]

    def deflated_sharpe(self, returns: Floats) -> float | None:
        """Of daily `returns` (T,). The variance of the trials' Sharpe ratios is that of this one and the walks, as far
        as there are enough of them; else that of ratios without skill."""
        curves = [returns, *(walk.returns for walk in self.walks)]
        ratios = [curve.mean() / spread for curve in curves if len(curve) > 1 and (spread := curve.std(ddof=1)) > 0]
        variance = float(np.var(ratios, ddof=1)) if len(ratios) >= FEWEST_RATIOS else None
        return deflated_sharpe(returns, trials=self.trials, variance=variance)

    def overfitting(self, own: Curve) -> tuple[float | None, int]:
        """The probability of backtest overfitting of `own` and the walks over nearly the same days, on those that all
        of them have, and how many configurations that are."""
        days, curves = own.days, [own]
        for walk in self.walks:
            shared = np.intersect1d(days, walk.days)
            if len(shared) >= SAME_DAYS * len(own.days):
                days, curves = shared, [*curves, walk]
        returns = np.array([curve.returns[np.isin(curve.days, days)] for curve in curves])
        return backtest_overfitting(returns), len(curves)


def selection_of(run: TrainingRun, fields: TrialFields) -> Selection:
    """Of a universe run or walk that is about to complete; a walk that judges another shares its trial. For
    information: what completes at the same moment may be missed."""
    subject = run.subject
    trial = Trial.objects.filter(pk=subject.trial_id).first() if subject and subject.trial_id else None
    return Selection(trial.k if trial else prospective_k(run, fields), _other_walks(run, fields.members))


def curve_of(days: Sequence[str], equity: Sequence[float]) -> Curve:
    """`days` ISO dates, `equity` after each, from 1 on."""
    return Curve(np.array(days, dtype="datetime64[D]").astype(np.int64), returns_of(np.array([1.0, *equity])))


def _other_walks(run: TrainingRun, members: Sequence[int]) -> list[Curve]:
    """A configuration is its parameters and the name of its universe."""
    linked = linked_members(members)
    trials = [pk for pk, ids in of_universes().values_list("pk", "members") if tuple(ids) in linked]
    walks = TrainingRun.objects.filter(Q(trial__in=trials) | Q(subject__trial__in=trials), status=Status.COMPLETED)
    stored = walks.filter(result__has_key="curve").order_by("-pk")
    columns = stored.values_list("params_hash", "universe", "result__curve__days", "result__curve__long_short")
    curves: dict[tuple[str, str | None], Curve] = {}
    for params_hash, universe, days, equity in columns[:MOST_WALKS]:
        if (params_hash, universe) != (run.params_hash, run.universe):
            curves.setdefault((params_hash, universe), curve_of(days, equity))
    return list(curves.values())

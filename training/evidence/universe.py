"""Verdicts of universe runs and walks: their own result, the walk that confirms a run, and what the trial fixed."""

from collections.abc import Sequence

from training.evidence.trials import counted_of
from training.models import ACTIVE, RETRAINING, Status, TrainingRun, Trial
from training.quant.candle.verdict import LEAST_WINDOWS
from training.quant.stats.sharpe import Excess
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.verdict import Basis, Carried, UniverseVerdict, judge_universe

CONFIRMATION = "walk_confirmation"


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of those among `runs` that claim something of a universe. Two queries, none without one."""
    claiming = [run for run in runs if run.universe and run.trial_id and run.status == Status.COMPLETED]
    if not claiming:
        return {}
    trials = Trial.objects.in_bulk({run.trial_id for run in claiming})
    walks = universe_confirmations(claiming)
    return {run.pk: _verdict(run, walks.get(run.pk), trials[run.trial_id]) for run in claiming if run.trial_id}


def universe_confirmations(runs: Sequence[TrainingRun]) -> dict[int, TrainingRun]:
    """The newest walk that confirms each of these runs, by the run's primary key. One query."""
    walks = TrainingRun.objects.filter(kind=CONFIRMATION, subject__in=runs).defer("detail", "error_trace")
    return {walk.subject_id: walk for walk in walks.order_by("pk") if walk.subject_id is not None}


def _verdict(run: TrainingRun, walk: TrainingRun | None, trial: Trial) -> UniverseVerdict:
    carried = None
    if trial.kind == RETRAINING and trial.run_id != run.run_id:
        carried = Carried(judged_on=trial.made_at.date())
    return judge_universe(
        _basis(run, walk),
        horizon=UniverseSpec.from_dict(run.config).horizon,
        counted=counted_of(trial),
        on=run.result["universe"],
        carried=carried,
    )


def _basis(run: TrainingRun, walk: TrainingRun | None) -> Basis:
    """A walk is its own confirmation."""
    if "rank_test" not in run.result:
        return Basis(None, confirmed=False, excess=Excess(**run.result["evidence"]))
    if "pooled" in run.result:
        walk = run
    if walk is None or walk.status != Status.COMPLETED:
        waits = walk is not None and walk.status in ACTIVE
        return Basis(UniverseEvidence.from_dict(run.result["rank_test"]), confirmed=False, waits=waits)
    evidence = UniverseEvidence.from_dict(walk.result["rank_test"])
    return Basis(
        evidence,
        confirmed=evidence.windows >= LEAST_WINDOWS,
        lost_after_costs=walk.result["pooled"]["total_return"] < 0.0,
    )

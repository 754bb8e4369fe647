"""Verdicts of universe runs and walks: their own result, and what their trial fixed."""

from collections.abc import Sequence
from typing import Any

from training.evidence.trials import counted_of
from training.models import Status, TrainingRun, Trial
from training.quant.universe.verdict import UniverseVerdict, judge_universe

OF_UNIVERSES = ("universe", "walk")


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of the completed universe runs and walks among `runs`. One query, none without such a run."""
    completed = [run for run in runs if run.kind in OF_UNIVERSES and run.status == Status.COMPLETED and run.trial_id]
    trials = Trial.objects.in_bulk({run.trial_id for run in completed}) if completed else {}
    return {run.pk: verdict_from(run.result, trials[run.trial_id]) for run in completed if run.trial_id}


def verdict_from(result: dict[str, Any], trial: Trial) -> UniverseVerdict:
    """Of what a run or walk of this trial found."""
    excess = result["evidence"]
    return judge_universe(
        sharpe=excess["sharpe"], days=excess["days"], counted=counted_of(trial), on=result["universe"]
    )

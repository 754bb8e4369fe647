"""Verdicts of universe runs and walks: their own result, and what their trial fixed."""

from collections.abc import Sequence
from typing import Any

from training.evidence.trials import counted_of
from training.models import Status, TrainingRun, Trial
from training.quant.universe.verdict import UniverseVerdict, judge_universe


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of those among `runs` that claim something of a universe. One query, none without such a run."""
    claiming = [run for run in runs if run.universe and run.trial_id and run.status == Status.COMPLETED]
    trials = Trial.objects.in_bulk({run.trial_id for run in claiming}) if claiming else {}
    return {run.pk: verdict_from(run.result, trials[run.trial_id]) for run in claiming if run.trial_id}


def verdict_from(result: dict[str, Any], trial: Trial) -> UniverseVerdict:
    """Of what a run or walk of this trial found."""
    excess = result["evidence"]
    return judge_universe(
        sharpe=excess["sharpe"], days=excess["days"], counted=counted_of(trial), on=result["universe"]
    )

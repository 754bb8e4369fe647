"""Verdicts of universe runs and walks: their own result, and what their trial fixed."""

from collections.abc import Sequence

from training.evidence.trials import counted_of
from training.models import RETRAINING, Status, TrainingRun, Trial
from training.quant.universe.verdict import Carried, UniverseVerdict, judge_universe


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of those among `runs` that claim something of a universe. One query, none without such a run."""
    claiming = [run for run in runs if run.universe and run.trial_id and run.status == Status.COMPLETED]
    trials = Trial.objects.in_bulk({run.trial_id for run in claiming}) if claiming else {}
    return {run.pk: _verdict(run, trials[run.trial_id]) for run in claiming if run.trial_id}


def _verdict(run: TrainingRun, trial: Trial) -> UniverseVerdict:
    """Of what a run or walk of this trial found."""
    excess = run.result["evidence"]
    carried = None
    if trial.kind == RETRAINING and trial.run_id != run.run_id:
        carried = Carried(judged_on=trial.made_at.date(), own_p_value=excess["p_value"])
    return judge_universe(
        sharpe=excess["sharpe"],
        days=excess["days"],
        counted=counted_of(trial),
        on=run.result["universe"],
        carried=carried,
    )

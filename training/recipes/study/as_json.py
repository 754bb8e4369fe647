"""Studies as JSON: what `optimize` prints, API and pages show."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count

from boursomatic.shared.ages import seconds_since
from boursomatic.shared.records import to_json
from training.models import ACTIVE, Status, StudyTrial, TrainingRun
from training.recipes.head import run_head
from training.recipes.study.schema import (
    FoldFigures,
    Study,
    StudyResult,
    StudyRun,
    StudyTrialFigures,
)
from training.recipes.study.spec import StudySpec

_FOUND = [name for name in StudyResult.__struct_fields__ if name != "format"]
_NOTHING: dict[str, Any] = dict.fromkeys(_FOUND) | {"importance": {}}


def study_json(run: TrainingRun) -> dict[str, Any]:
    """One study by its own name, `study_id`; `run_id` is the run that it started."""
    return dict(to_json(_answers([run])[0]))


def study_runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """One query for how many trials are done in all of them."""
    answers = zip(runs, _answers(runs), strict=True)
    return [to_json(StudyRun(**run_head(run), study=answer)) for run, answer in answers]


def trials_json(run: TrainingRun) -> list[dict[str, Any]]:
    """The study's trials, in their order."""
    return [
        to_json(
            StudyTrialFigures(
                number=trial.number,
                params=trial.params,
                rounds=trial.rounds,
                inner=trial.inner,
                auc=trial.auc,
                folds=[FoldFigures(**fold) for fold in trial.folds],
                state=str(trial.state),
                seconds=trial.seconds,
            )
        )
        for trial in StudyTrial.objects.filter(study=run)
    ]


def _answers(runs: Sequence[TrainingRun]) -> list[Study]:
    done = StudyTrial.objects.filter(study__in=runs).order_by().values_list("study").annotate(Count("pk"))
    trials = dict(done)
    return [
        Study(
            study_id=run.run_id,
            status=str(run.status),
            progress=run.progress,
            message=run.message,
            error=run.error or None,
            seconds_left=_seconds_left(run),
            config=StudySpec.from_dict(run.config).as_request(),
            **_found(run, trials.get(run.pk, 0)),
        )
        for run in runs
    ]


def _found(run: TrainingRun, trials: int) -> dict[str, Any]:
    if not run.result:
        return _NOTHING | {"trials": trials}
    result = StudyResult.read(run.result)
    return {name: getattr(result, name) for name in _FOUND}


def _seconds_left(run: TrainingRun) -> float | None:
    """By its limit, or by how far it has come so far, whichever is sooner."""
    seconds = run.config["seconds"]
    if run.status not in ACTIVE:
        return None
    if run.status == Status.QUEUED or run.started_at is None:
        return float(seconds) if seconds is not None else None
    elapsed = seconds_since(run.started_at)
    left = [seconds - elapsed] if seconds is not None else []
    left += [elapsed / run.progress - elapsed] if run.progress else []
    return max(0.0, min(left)) if left else None

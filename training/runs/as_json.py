"""A run as JSON: one shape for API, command line and pages, described by the record of its kind."""

from collections.abc import Sequence
from typing import Any

from django.utils.module_loading import import_string

from training.models import TrainingRun
from training.quant.candle.spec import format_time
from training.recipes.candle.live_score import live_score
from training.recipes.kinds import recipe_of


def run_json(run: TrainingRun) -> dict[str, Any]:
    """One run; see `runs_json`. Only here is a live run scored on what has happened since: that asks its model."""
    answer = runs_json([run])[0]
    return answer | {"live_score": live_score(run)} if run.status and "live_score" in answer else answer


def runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """The run JSON that outside programs rely on, in the order of `runs`. Needs what `light` loads; a few queries more
    for each kind that is among them, however many runs."""
    same_kind: dict[str, list[TrainingRun]] = {}
    for run in runs:
        same_kind.setdefault(run.kind, []).append(run)
    answers = {
        answer["run_id"]: answer
        for kind, same in same_kind.items()
        for answer in import_string(recipe_of(kind).as_json)(same)
    }
    return [answers[run.run_id] for run in runs]


def run_detail(run: TrainingRun) -> dict[str, Any]:
    """What the run's own page draws besides: curve, test rows, performance, importance, proof, warnings, log."""
    return {
        **run.detail,
        "retry_of": run.retry_of.run_id if run.retry_of else None,
        "live_curve": run.live_curve,
        "log": [
            {"at": format_time(event.at), "attempt": event.attempt, "stage": event.stage, "text": event.text}
            for event in run.events.order_by("at", "id")
        ],
    }

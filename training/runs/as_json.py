"""A run as JSON: one shape for API, command line and pages, described by the record of its kind."""

from collections.abc import Callable, Sequence
from typing import Any

from training.evidence.candle import Judged
from training.models import Kind, TrainingRun
from training.quant.candle.spec import format_time
from training.recipes.candle.as_json import candle_run_json, candle_runs_json
from training.recipes.confirmation.as_json import confirmations_json
from training.recipes.noise_control.as_json import noise_controls_json
from training.recipes.universe.as_json import universe_runs_json
from training.recipes.verification.as_json import verifications_json
from training.recipes.walk_forward.as_json import walks_json

_BY_KIND: dict[str, Callable[[Sequence[TrainingRun]], list[dict[str, Any]]]] = {
    Kind.CANDLE: candle_runs_json,
    Kind.CONFIRMATION: confirmations_json,
    Kind.CONTROL: noise_controls_json,
    Kind.VERIFICATION: verifications_json,
    Kind.UNIVERSE: universe_runs_json,
    Kind.WALK: walks_json,
}


def run_json(run: TrainingRun, found: Judged | None = None) -> dict[str, Any]:
    """One run; see `runs_json`. `found`: how a candle run is judged, where the caller knows that already."""
    return candle_run_json(run, found) if run.kind == Kind.CANDLE else runs_json([run])[0]


def runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """The run JSON that outside programs rely on, in the order of `runs`. Needs what `light` loads; a few queries more
    for each kind that is among them, however many runs."""
    same_kind: dict[str, list[TrainingRun]] = {}
    for run in runs:
        same_kind.setdefault(run.kind, []).append(run)
    answers = {answer["run_id"]: answer for kind, same in same_kind.items() for answer in _BY_KIND[kind](same)}
    return [answers[run.run_id] for run in runs]


def run_detail(run: TrainingRun) -> dict[str, Any]:
    """What the run's own page draws besides: curve, test rows, performance, importance, proof, warnings, log."""
    return {
        **run.detail,
        "parent": run.parent.run_id if run.parent else None,
        "live_curve": run.live_curve,
        "log": [
            {"at": format_time(event.at), "attempt": event.attempt, "stage": event.stage, "text": event.text}
            for event in run.events.order_by("at", "id")
        ],
    }

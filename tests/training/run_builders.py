"""Runs as they lie in the table, without training anything."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from instruments.models import Series
from training.evidence.trials import TrialFields, trial_enter
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.spec import CandleSpec, parse_time
from training.queue import clock
from training.recipes.base import Priority
from training.recipes.kinds import recipe_of

_COUNT = 0


def make_run(
    by: User | None, *, series: Series | None = None, status: Status = Status.QUEUED, **more: Any
) -> TrainingRun:
    """A candle run in this status; a completed one has the result of a small model."""
    global _COUNT  # noqa: PLW0603 - ids differ within a test session
    _COUNT += 1
    spec = CandleSpec(
        candle="2019-06-03T00:00:00Z", symbol=series.instrument.symbol if series else "SPY", timeframe="1d"
    )
    now = timezone.now()
    values: dict[str, Any] = {
        "run_id": f"20240102_030405_{_COUNT:04d}",
        "created_by": by,
        "series": series,
        "candle_at": spec.candle_at,
        "config": spec.as_dict(),
        "params_hash": spec.params_hash(),
        "created_at": now,
        "status": status,
        "finished_at": now if status not in (Status.QUEUED, Status.RUNNING) else None,
    }
    if status == Status.RUNNING:
        values |= {"lease_token": "0" * 32, "lease_beat_at": clock.read(), "started_at": now, "worker_pid": 4711}
    values |= more
    recipe = recipe_of(values.setdefault("kind", "candle"))
    is_part = values.get("parent") is not None
    values.setdefault("priority", max(recipe.priority, Priority.ABOUT) if is_part else recipe.priority)
    values.setdefault("counts", recipe.counts_as_active and not is_part)
    evidence = values.get("result", {}).get("evidence") or {}
    sought = {name: values["config"].get(name) for name in ("protocol", "feature_set", "universe")}
    sought |= {name: evidence.get(name) for name in ("auc", "p_value")}
    return TrainingRun.objects.create(**{**sought, **values})


def make_model(run: TrainingRun, **more: Any) -> ModelVersion:
    values: dict[str, Any] = {
        "version": f"candle-{run.run_id}",
        "run": run,
        "kind": "candle",
        "series": run.series,
        "params_hash": run.params_hash,
        "data_hash": "d" * 64,
        "model_hash": "e" * 64,
        "folder": f"on_demand_runs/{run.run_id}",
        "trained_at": run.created_at,
    }
    return ModelVersion.objects.create(**{**values, **more})


def enter_trial(run: TrainingRun, **fields: Any) -> TrainingRun:
    """The trial of a completed run, as its end enters it."""
    with transaction.atomic():
        trial_enter(run, TrialFields(**fields))
    run.refresh_from_db()
    return run


def enter_universe(run: TrainingRun, *members: int, data_hash: str = "d" * 64) -> TrainingRun:
    """As `enter_trial`, of a universe run or walk with a result."""
    as_of, p_value = f"{run.result['as_of']}T00:00:00Z", run.result["evidence"]["p_value"]
    return enter_trial(run, as_of=parse_time(as_of), data_hash=data_hash, p_value=p_value, members=members)

"""Runs as they lie in the table, without training anything."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from instruments.models import Series
from tests.training.results import universe_walk_result
from training.evidence.trials import Claim, TrialFields, trial_enter, trial_settle
from training.models import ModelVersion, Priority, Status, TrainingRun
from training.quant.candle.spec import CandleSpec, parse_time
from training.quant.candle.verdict import LEAST_WINDOWS
from training.quant.universe.spec import UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.queue import clock
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


def confirm_universe(run: TrainingRun, *, p_value: float | None, folds: int = 10, **pooled: Any) -> TrainingRun:
    """The walk that confirms a universe run, completed, with what it gives its trial."""
    walk = WalkSpec(UniverseSpec.from_dict(run.config), folds=folds, step=60)
    result = universe_walk_result(universe=run.result["universe"], p_value=p_value, folds=folds, **pooled)
    about: dict[str, Any] = {"subject": run, "universe": run.universe, "config": walk.as_dict(), "result": result}
    made = make_run(run.created_by, kind="walk_confirmation", status=Status.COMPLETED, **about)
    if p_value is not None and folds >= LEAST_WINDOWS and run.trial_id:
        trial_settle(run.trial_id, Claim(p_value))
        run.refresh_from_db()
    return made


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
    """As `enter_trial`, of a universe run that waits for its walk."""
    as_of = parse_time(f"{run.result['as_of']}T00:00:00Z")
    return enter_trial(run, as_of=as_of, data_hash=data_hash, is_settled=False, members=members)

"""Walks over a universe, and their folds, as JSON: what `walk_forward` prints, API and pages show."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import NOTHING, to_json
from training.evidence.universe import universe_verdicts
from training.models import Status, TrainingRun
from training.quant.universe.verdict import UniverseVerdict
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.head import run_head
from training.recipes.universe.as_json import recipe_json
from training.recipes.walk_forward.schema import FoldResult, UniverseConfirmationRun, WalkResult, WalkRun

_NOT_POOLED: dict[str, Any] = {
    "as_of": None,
    "instruments": None,
    "pooled": NOTHING,
    "stability": NOTHING,
    "curve": NOTHING,
    "data_hash": None,
    "survivors_only": None,
    "beside": {},
    "shelf_life": None,
    "shelf_life_bins": [],
    "pbo": None,
    "pbo_configurations": None,
    "importance_stability": None,
}


def walks_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """One query for all verdicts together, and one for all folds."""
    verdicts, folds = universe_verdicts(runs), folds_by_walk(runs)
    return [to_json(_answer(run, verdicts.get(run.pk), folds.get(run.pk, []))) for run in runs]


def folds_by_walk(runs: Sequence[TrainingRun]) -> dict[int, list[TrainingRun]]:
    """The folds of these walks, oldest first, by the walk's primary key. One query."""
    folds: dict[int, list[TrainingRun]] = defaultdict(list)
    for fold in TrainingRun.objects.filter(parent__in=runs).order_by("pk"):
        assert fold.parent_id is not None
        folds[fold.parent_id].append(fold)
    return folds


def _answer(run: TrainingRun, verdict: UniverseVerdict | None, folds: Sequence[TrainingRun]) -> WalkRun:
    """While the walk is under way `folds` has those that are done, oldest first, and `progress` counts them."""
    walk, pooled = WalkSpec.from_dict(run.config), dict(_NOT_POOLED)
    done = [fold for fold in folds if fold.status == Status.COMPLETED]
    fold_metrics = [FoldResult.read(fold.result).fold for fold in done]
    if run.result:
        result = WalkResult.read(run.result)
        pooled = {name: getattr(result, name) for name in _NOT_POOLED}
        fold_metrics = result.folds
    head = run_head(run)
    if run.status == Status.QUEUED:
        share = sum(1.0 if fold in done else fold.progress for fold in folds) / max(1, len(folds))
        head |= {"progress": 0.95 * share, "message": f"{len(done)} of {len(folds)} folds are done"}
    more: dict[str, Any] = {"subject": run.subject.run_id} if run.subject else {}
    return (UniverseConfirmationRun if run.subject else WalkRun)(
        **head,
        **more,
        universe=walk.universe,
        timeframe="1d",
        **recipe_json(walk.spec),
        config=walk.as_dict(),
        window=walk.window,
        **pooled,
        folds=fold_metrics,
        verdict=verdict,
    )

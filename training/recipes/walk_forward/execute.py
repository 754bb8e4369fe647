"""A walk over a universe carried out: each fold by itself, then all of them pooled."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.records import to_json
from boursomatic.shared.stores import StoreFailed
from training.artifacts.storage import artifact_storage, folder_of, sha256
from training.errors import RunRefused
from training.evidence.selection import Selection, curve_of, selection_of
from training.evidence.trials import Claim
from training.models import Reason, Status, TrainingRun
from training.quant.stats.threads import on_threads
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.honest.run import other_score
from training.quant.universe.importance import FoldImportance, importance_stability
from training.quant.universe.panel import COLUMNS, MODEL_FEATURES
from training.quant.universe.predictions import Predictions
from training.quant.universe.prepared import PreparedPanel
from training.quant.universe.shelf_life import shelf_life
from training.quant.universe.spec import HONEST
from training.quant.universe.train import LOGISTIC, Evaluation, evidence_beside
from training.quant.walk_forward.fold_chunk import fold_chunk
from training.quant.walk_forward.folds import WalkPlan, plan_walk, pool_ages, pool_folds, pool_positions, walk_json
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.base import Completed, PackedPositions, Work
from training.recipes.universe.data import UniverseData, claimed_p_value, universe_trial
from training.recipes.universe.membership import membership_json
from training.recipes.universe.results import with_deflated_sharpe
from training.recipes.universe.shared_rows import discard, prepared_data

Floats = NDArray[np.float64]
PREDICTIONS = "said.npz"  # what a fold's models said of its rows: all that the pooling needs of it


def walk_result(
    walk: WalkSpec,
    data: UniverseData,
    folds: list[dict[str, Any]],
    pooled: Evaluation,
    evidence: UniverseEvidence,
) -> dict[str, Any]:
    """What a finished walk keeps; the verdict is its trial's."""
    return {
        "universe": walk.universe,
        "as_of": data.as_of.isoformat(),
        "instruments": len(data.panel.symbols),
        "window": walk.window,
        "data_hash": data.data_hash,
        "bars_a_year": data.panel.bars_a_year,
        "survivors_only": data.survivors_only,
        **walk_json(data.panel, folds, pooled, horizon=walk.spec.horizon),
        "evidence": vars(pooled.portfolios.excess),
        "rank_test": to_json(evidence),
    }


def execute_fold(work: Work) -> Completed:
    """One fold: what its models predict of its rows goes into a file. Raises SpecError and TooLittle."""
    walk, progress = work.spec, work.progress
    assert isinstance(walk, WalkSpec) and walk.fold is not None
    progress.stage("load", 0.02, f"bars and features of the universe {walk.universe}")
    data = prepared_data(
        walk.spec,
        on_read=lambda done, todo: progress.stage("load", 0.02 + 0.2 * done / todo, f"{done} of {todo} instruments"),
    )
    assert data.exposures is not None
    prepared = PreparedPanel(data.panel, data.exposures, data.honest).without_features()
    scores = _scores_before(work.run, data) if walk.spec.recipe == HONEST else {}
    with on_threads(work.cores()):
        pieces = work.work_out(fold_chunk(prepared, walk, scores))
        progress.stage("fit", 0.3, next(pieces).decode())
        shown, content = json.loads(next(pieces)), next(pieces)
    result = {
        "fold": shown["fold"],
        "as_of": data.as_of.isoformat(),
        "data_hash": data.data_hash,
        "bars_a_year": data.panel.bars_a_year,
        "said": sha256(content),
    }
    return Completed(result=result, detail={"importance": shown["importance"]}, files={PREDICTIONS: content})


def combine(work: Work) -> Completed:
    """A walk whose folds are over, as one book. Raises RunRefused where one of them came to nothing."""
    walk, folds = work.spec, list(work.run.parts.order_by("pk"))
    assert isinstance(walk, WalkSpec)
    if broken := next((fold for fold in folds if fold.status != Status.COMPLETED), None):
        raise _given_up(broken, walk, folds)
    work.progress.stage("load", 0.1, f"bars and features of the universe {walk.universe}")
    data = prepared_data(walk.spec)
    if any(fold.result["data_hash"] != data.data_hash for fold in folds):
        raise RunRefused(
            Reason.BAD_DATA, "Bars of the universe were changed while the folds were under way. Walk again."
        )
    work.progress.stage("evaluate", 0.5, f"{walk.folds} folds as one portfolio")
    plan = plan_walk(data.panel, walk)
    predictions = [_predictions_of(fold) for fold in folds]
    pooled, positions = pool_folds(plan, predictions), pool_positions(plan, predictions)
    evidence, beside = evidence_beside(
        data.panel,
        pooled.rows,
        pooled.predictions,
        walk.spec.horizon,
        name=other_score(walk.spec) if walk.spec.recipe == HONEST else LOGISTIC,
        windows=walk.folds,
        exposures=data.exposures,
    )
    discard(walk.spec)
    trial, p_value = universe_trial(data, evidence=evidence), claimed_p_value(evidence)
    selection = selection_of(work.run, trial)
    pooled = with_deflated_sharpe(pooled, selection)
    result = walk_result(walk, data, [fold.result["fold"] for fold in folds], pooled, evidence)
    return Completed(
        result={
            **result,
            "beside": beside,
            **_information(plan, folds, pooled, selection, result["curve"]),
        },
        detail={
            "symbols": list(data.panel.with_rows),
            "marks": list(data.marks),
            **({"membership": membership_json(data.membership)} if data.membership else {}),
        },
        trial=None if work.run.subject else trial,
        claim=Claim(p_value) if work.run.subject and p_value is not None else None,
        positions=PackedPositions(data.panel.symbols, positions.tobytes()),
    )


def _information(
    plan: WalkPlan, folds: list[TrainingRun], pooled: Evaluation, selection: Selection, curve: dict[str, Any]
) -> dict[str, Any]:
    """What stands beside the figures, and never makes the verdict. Folds of before importances have none."""
    bins = pool_ages(plan, pooled)
    pbo, configurations = selection.overfitting(curve_of(curve["days"], curve["long_short"]))
    importances = [FoldImportance.from_dict(fold.detail["importance"]) for fold in folds if "importance" in fold.detail]
    names = MODEL_FEATURES if plan.walk.spec.recipe == HONEST else COLUMNS
    whole = len(importances) == len(folds)
    return {
        "shelf_life": shelf_life(bins),
        "shelf_life_bins": to_json(bins),
        "pbo": pbo,
        "pbo_configurations": configurations,
        "importance_stability": to_json(importance_stability(names, importances)) if whole else None,
    }


def _given_up(broken: TrainingRun, walk: WalkSpec, folds: list[TrainingRun]) -> RunRefused:
    """Which fold the walk failed by."""
    broken = next((fold for fold in folds if fold.status == Status.FAILED), broken)
    what = f"failed: {broken.error}" if broken.status == Status.FAILED else "was cancelled."
    reason = Reason(broken.error_reason) if broken.error_reason else Reason.BAD_DATA
    return RunRefused(reason, f"Fold {broken.config['fold']} of {walk.folds} {what}")


def _scores_before(run: TrainingRun, data: UniverseData) -> dict[int, Floats]:
    """By number, from 0 on, of the folds before this one that are over, of the same data."""
    earlier = TrainingRun.objects.filter(parent=run.parent, pk__lt=run.pk, status=Status.COMPLETED).exclude(parent=None)
    return {
        fold.config["fold"] - 1: _predictions_of(fold).scores
        for fold in earlier
        if fold.result["data_hash"] == data.data_hash
    }


def _predictions_of(fold: TrainingRun) -> Predictions:
    """Back to the same bits. Raises RunRefused("integrity"), StoreFailed."""
    try:
        content = artifact_storage().read(f"{folder_of(fold)}/{PREDICTIONS}", fold.result["said"])
    except StoreFailed:
        raise
    except OSError:
        content = b""
    if sha256(content) != fold.result["said"]:
        sentence = f"What fold {fold.config['fold']} said is missing or was changed on the disk. Walk again."
        raise RunRefused(Reason.INTEGRITY, sentence)
    return Predictions.from_bytes(content)

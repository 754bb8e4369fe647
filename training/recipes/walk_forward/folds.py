"""A walk over a universe: each fold by itself, all of them pooled, and the whole in the caller's own process."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from training.artifacts.storage import artifact_storage, run_folder, sha256
from training.errors import RunRefused
from training.evidence.universe import ledger_of, universe_try_enter, verdict_from
from training.models import ACTIVE, Kind, Reason, Status, TrainingRun
from training.quant.universe.train import Judged, Spoken
from training.quant.walk_forward.folds import Fold, fold_json, lay_out, pool_folds, walk_fold, walk_json
from training.quant.walk_forward.spec import WalkSpec
from training.queue import leases
from training.recipes.universe.data import UniverseData, universe_data

SAID = "said.npz"  # what a fold's models said of its rows: all that the pooling needs of it
COMMAND = "walk_forward"  # stands in the ledger in place of a run
OnStage = Callable[[str, float, str], None]


def walk_forward(walk: WalkSpec, *, tell: Callable[[float, str], None]) -> dict[str, Any]:
    """The JSON of `walk_forward`. Raises SpecError and TooLittle. A walk is a try on its universe like any run."""
    tell(0.0, f"bars and features of the universe {walk.universe}")
    data = universe_data(walk.spec)
    course = lay_out(data.panel, walk)

    def on_fold(number: int, text: str) -> None:
        tell((number + 0.2) / (walk.folds + 0.2), f"fold {number + 1} of {walk.folds}: {text}")

    folds = [walk_fold(course, number, on_fold=on_fold) for number in range(walk.folds)]
    pooled = pool_folds(course, [fold.said for fold in folds])
    result = walk_result(walk, data, [fold_json(data.panel, fold) for fold in folds], pooled)
    universe_try_enter(result=result, params_hash=walk.params_hash(), run_id=COMMAND)
    verdict = verdict_from(result, walk.params_hash(), ledger_of(walk.universe))
    del result["evidence"]
    return {**result, "params_hash": walk.params_hash(), "verdict": verdict.as_dict()}


def walk_result(walk: WalkSpec, data: UniverseData, folds: list[dict[str, Any]], pooled: Judged) -> dict[str, Any]:
    """What a finished walk keeps; the verdict is read from the ledger."""
    return {
        "universe": walk.universe,
        "as_of": data.as_of.isoformat(),
        "instruments": len(data.panel.symbols),
        "window": walk.window,
        "data_hash": data.data_hash,
        **walk_json(data.panel, folds, pooled),
        "evidence": vars(pooled.books.excess),
    }


def fold_work(
    run: TrainingRun, on_stage: OnStage, on_fill: Callable[[int], None]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A fold's result and files. Raises SpecError and TooLittle."""
    walk = WalkSpec.from_dict(run.config)
    assert walk.fold is not None
    on_stage("load", 0.02, f"bars and features of the universe {walk.universe}")
    data = universe_data(
        walk.spec,
        on_fill=on_fill,
        on_read=lambda done, todo: on_stage("load", 0.02 + 0.2 * done / todo, f"{done} of {todo} instruments"),
    )
    course = lay_out(data.panel, walk)
    fold = walk_fold(course, walk.fold - 1, on_fold=lambda _number, text: on_stage("fit", 0.3, text))
    content = _said_bytes(fold)
    result = {
        "fold": fold_json(data.panel, fold),
        "as_of": data.as_of.isoformat(),
        "data_hash": data.data_hash,
        "said": sha256(content),
    }
    return result, {SAID: content}


def walk_work(run: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """The result of a walk whose folds are over. Raises RunRefused where one of them came to nothing."""
    walk, folds = WalkSpec.from_dict(run.config), list(folds_of(run))
    if broken := next((fold for fold in folds if fold.status != Status.COMPLETED), None):
        raise _given_up(broken, walk, folds)
    on_stage("load", 0.1, f"bars and features of the universe {walk.universe}")
    data = universe_data(walk.spec)
    if any(fold.result["data_hash"] != data.data_hash for fold in folds):
        raise RunRefused(
            Reason.BAD_DATA, "Bars of the universe were changed while the folds were under way. Walk again."
        )
    on_stage("evaluate", 0.5, f"{walk.folds} folds as one book")
    course = lay_out(data.panel, walk)
    pooled = pool_folds(course, [_said_of(fold) for fold in folds])
    return walk_result(walk, data, [fold.result["fold"] for fold in folds], pooled)


def folds_of(run: TrainingRun) -> Any:
    """The folds of a walk, oldest first."""
    return run.jobs.filter(kind=Kind.FOLD).order_by("pk")


def discard_folds(run: TrainingRun) -> None:
    """Removes what the folds of a pooled walk left on the disk."""
    for run_id in folds_of(run).values_list("run_id", flat=True):
        artifact_storage().discard(run_folder(run_id))


def _given_up(broken: TrainingRun, walk: WalkSpec, folds: list[TrainingRun]) -> RunRefused:
    """Cancels the folds that are still to come, and says which one the walk failed by."""
    broken = next((fold for fold in folds if fold.status == Status.FAILED), broken)
    for fold in folds:
        if fold.status in ACTIVE:
            leases.request_cancel(fold.pk)
    what = f"failed: {broken.error}" if broken.status == Status.FAILED else "was cancelled."
    reason = Reason(broken.error_reason) if broken.error_reason else Reason.BAD_DATA
    return RunRefused(reason, f"Fold {broken.config['fold']} of {walk.folds} {what}")


def _said_bytes(fold: Fold) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, probabilities=fold.said[0], expected=fold.said[1])
    return buffer.getvalue()


def _said_of(fold: TrainingRun) -> Spoken:
    """Back to the same bits. Raises RunRefused("integrity")."""
    try:
        with artifact_storage().open(f"{run_folder(fold.run_id)}/{SAID}") as file:
            content = file.read()
    except OSError:
        content = b""
    if sha256(content) != fold.result["said"]:
        sentence = f"What fold {fold.config['fold']} said is missing or was changed on the disk. Walk again."
        raise RunRefused(Reason.INTEGRITY, sentence)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return arrays["probabilities"], arrays["expected"]

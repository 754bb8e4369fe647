"""A fold of a walk as a pure function of its spec and of the rows that all folds share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from training.quant.chunks import Arrays, Chunk
from training.quant.universe.panel import Floats
from training.quant.universe.prepared import PreparedPanel, from_arrays, to_arrays
from training.quant.walk_forward.folds import fold_json, fold_text, plan_walk, walk_fold
from training.quant.walk_forward.spec import WalkSpec

_BEFORE = "before."  # begins the names of what earlier folds scored


def fold_chunk(prepared: PreparedPanel, walk: WalkSpec, scores: Mapping[int, Floats]) -> Chunk:
    """The fold that `walk` names; `scores` as `walk_fold`."""
    panel = prepared.panel
    spec = {"walk": walk.as_dict(), "symbols": list(panel.symbols), "sessions_a_year": panel.sessions_a_year}
    before = {f"{_BEFORE}{number}": values for number, values in scores.items()}
    return Chunk("fold", spec, to_arrays(prepared) | before)


def work_out(spec: Mapping[str, Any], arrays: Arrays) -> Iterator[bytes]:
    """What it will fit, in words; what it showed, as JSON; what its models predict. Raises TooLittle."""
    walk, prepared = WalkSpec.from_dict(spec["walk"]), from_arrays(arrays, tuple(spec["symbols"]))
    assert walk.fold is not None
    panel = replace(prepared.panel, sessions_a_year=spec["sessions_a_year"])
    plan = plan_walk(panel, walk, honest=prepared.honest)
    yield fold_text(plan, walk.fold - 1).encode()
    scores = {int(name.removeprefix(_BEFORE)): arrays[name] for name in arrays if name.startswith(_BEFORE)}
    fold = walk_fold(plan, walk.fold - 1, on_fold=lambda *_: None, scores=scores)
    yield json.dumps({"fold": fold_json(panel, fold), "importance": vars(fold.importance)}).encode()
    yield fold.predictions.to_bytes()

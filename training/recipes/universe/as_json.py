"""Universe runs as JSON: what `train` prints, API and pages show."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import NOTHING, to_json
from training.artifacts.storage import folder_of
from training.evidence.universe import universe_verdicts
from training.models import TrainingRun
from training.quant.universe.spec import HONEST, UniverseSpec
from training.quant.universe.verdict import UniverseVerdict
from training.recipes.head import run_head
from training.recipes.universe.schema import PartMetrics, UniverseResult, UniverseRun

_NO_MODEL: dict[str, Any] = {
    "version": None,
    "as_of": None,
    "instruments": None,
    "bars": None,
    "rows": NOTHING,
    "borders": NOTHING,
    "metrics": PartMetrics(validation=NOTHING, test=NOTHING),
    "auc_buy": NOTHING,
    "beside": {},
    "shelf_life": None,
    "shelf_life_bins": [],
    "used_until": None,
    "data_hash": None,
    "survivors_only": None,
    "model_hash": None,
    "judged_model_hash": None,
    "feature_names": [],
    "artifact_paths": {},
}


def recipe_json(spec: UniverseSpec) -> dict[str, Any]:
    """The recipe, and of `honest` which score is the model of record."""
    return {"recipe": spec.recipe, "score": spec.score if spec.recipe == HONEST else None}


def universe_runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """One query for all verdicts together."""
    verdicts = universe_verdicts(runs)
    return [to_json(_answer(run, verdicts.get(run.pk))) for run in runs]


def _answer(run: TrainingRun, verdict: UniverseVerdict | None) -> UniverseRun:
    spec, model = UniverseSpec.from_dict(run.config), dict(_NO_MODEL)
    if run.result:
        result = UniverseResult.read(run.result)
        model = {name: getattr(result, name) for name in _NO_MODEL}
    return UniverseRun(
        **run_head(run),
        universe=spec.universe,
        timeframe="1d",
        **recipe_json(spec),
        config=spec.as_dict(),
        output_dir=folder_of(run),
        **model,
        verdict=verdict,
    )

"""A trained model's files, held against their hashes, read once and kept in memory."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from training.artifacts.storage import artifact_storage
from training.errors import RunRefused
from training.models import ModelVersion, Reason, TrainingRun
from training.quant.candle.model import MANIFEST, MODEL, CandleModel, Integrity, read_model
from training.quant.candle.spec import CandleSpec
from training.quant.universe import model
from training.quant.universe.model import UniverseModel, read_universe_model

KEPT_MODELS = 32
Model = TypeVar("Model")


@lru_cache(maxsize=KEPT_MODELS)
def stored_model(run_id: str) -> CandleModel:
    """A run's model. Kept by the run: a finished run's files never change. Raises RunRefused("integrity")."""
    run = TrainingRun.objects.select_related("model_version").get(run_id=run_id)
    has_trees = CandleSpec.from_dict(run.config).model == "lightgbm"
    return _read(run.model_version, (MODEL, MANIFEST) if has_trees else (MANIFEST,), read_model)


@lru_cache(maxsize=KEPT_MODELS)
def stored_universe_model(version: str) -> UniverseModel:
    """The model of a version of a universe, likewise."""
    found = ModelVersion.objects.get(version=version)
    names = (model.CLASSIFIER, model.REGRESSOR, model.MANIFEST)
    return _read(found, names, read_universe_model)


def _read(
    version: ModelVersion, names: tuple[str, ...], read: Callable[[dict[str, bytes], dict[str, str]], Model]
) -> Model:
    storage, files = artifact_storage(), {}
    try:
        for name in names:
            with storage.open(f"{version.folder}/{name}") as file:
                files[name] = file.read()
        return read(files, version.files)
    except FileNotFoundError as error:
        raise RunRefused(Reason.INTEGRITY, f"integrity: a file of model {version.version} is missing.") from error
    except Integrity as error:
        raise RunRefused(Reason.INTEGRITY, f"integrity: {error}") from error

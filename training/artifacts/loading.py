"""A trained model's files, held against their hashes, read once and kept in memory."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from training.artifacts.storage import artifact_storage
from training.errors import RunRefused
from training.models import ModelVersion, Reason
from training.quant.candle.model import CandleModel, Integrity, check_files
from training.quant.ensemble.model import NATIVE, EnsembleModel, read_served
from training.quant.universe import model
from training.quant.universe.model import UniverseModel, read_universe_model

KEPT_MODELS = 32
Model = TypeVar("Model")


@lru_cache(maxsize=KEPT_MODELS)
def stored_model(run_id: str) -> CandleModel | EnsembleModel:
    """A run's model. Kept by the run: a finished run's files never change. Raises RunRefused("integrity")."""
    version = ModelVersion.objects.get(run__run_id=run_id)
    return _read(version, _native(version), read_served)


def native_files(version: ModelVersion) -> dict[str, bytes]:
    """Name -> content of what serving reads of a model of one series, as it was written. Raises
    RunRefused("integrity")."""

    def checked(files: dict[str, bytes], expected: dict[str, str]) -> dict[str, bytes]:
        check_files(files, expected)
        return files

    return _read(version, _native(version), checked)


@lru_cache(maxsize=KEPT_MODELS)
def stored_universe_model(version: str) -> UniverseModel:
    """The model of a version of a universe, likewise."""
    found = ModelVersion.objects.get(version=version)
    names = [name for name in model.SERVED if name in found.files]
    return _read(found, names, read_universe_model)


def _native(version: ModelVersion) -> list[str]:
    return [name for name in version.files if NATIVE.fullmatch(name)]


def _read(
    version: ModelVersion, names: Sequence[str], read: Callable[[dict[str, bytes], dict[str, str]], Model]
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

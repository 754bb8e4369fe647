"""A trained model's files, held against their hashes, read once and kept in memory for as long as they don't move."""

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
Marks = tuple[tuple[int, ...], ...]


def stored_model(run_id: str) -> CandleModel | EnsembleModel:
    """A run's model, read anew where one of its files has moved. Raises RunRefused("integrity")."""
    return _series_model(run_id, _marks(*_series_files(run_id)))


def stored_universe_model(version: str) -> UniverseModel:
    """The model of a version of a universe, likewise."""
    return _universe_model(version, _marks(*_universe_files(version)))


def native_files(version: ModelVersion) -> dict[str, bytes]:
    """Name -> content of what serving reads of a model of one series, as it was written. Raises
    RunRefused("integrity")."""
    return _read(version, _native(version), _checked)


def universe_files(version: ModelVersion) -> dict[str, bytes]:
    """Of a universe's model, likewise."""
    return _read(version, _universe_names(version), _checked)


@lru_cache(maxsize=KEPT_MODELS)
def _series_model(run_id: str, _marked: Marks) -> CandleModel | EnsembleModel:
    version = ModelVersion.objects.get(run__run_id=run_id)
    return _read(version, _native(version), read_served)


@lru_cache(maxsize=KEPT_MODELS)
def _universe_model(name: str, _marked: Marks) -> UniverseModel:
    version = ModelVersion.objects.get(version=name)
    return _read(version, _universe_names(version), read_universe_model)


@lru_cache(maxsize=KEPT_MODELS)
def _series_files(run_id: str) -> tuple[str, str, Sequence[str]]:
    version = ModelVersion.objects.get(run__run_id=run_id)
    return version.version, version.folder, _native(version)


@lru_cache(maxsize=KEPT_MODELS)
def _universe_files(name: str) -> tuple[str, str, Sequence[str]]:
    version = ModelVersion.objects.get(version=name)
    return name, version.folder, _universe_names(version)


def _marks(version: str, folder: str, names: Sequence[str]) -> Marks:
    """What tells, at each use of a model, that its files have moved."""
    try:
        return artifact_storage().marks([f"{folder}/{name}" for name in names])
    except FileNotFoundError as error:
        raise _missing(version) from error


def _missing(version: str) -> RunRefused:
    return RunRefused(
        Reason.INTEGRITY, f"integrity: a file of model {version} is missing. Restore a backup, or train it again."
    )


def _universe_names(version: ModelVersion) -> list[str]:
    return [name for name in model.SERVED if name in version.files]


def _native(version: ModelVersion) -> list[str]:
    return [name for name in version.files if NATIVE.fullmatch(name)]


def _checked(files: dict[str, bytes], expected: dict[str, str]) -> dict[str, bytes]:
    check_files(files, expected)
    return files


def _read(
    version: ModelVersion, names: Sequence[str], read: Callable[[dict[str, bytes], dict[str, str]], Model]
) -> Model:
    storage = artifact_storage()
    try:
        files = {name: storage.read(f"{version.folder}/{name}", version.files[name]) for name in names}
        return read(files, version.files)
    except FileNotFoundError as error:
        raise _missing(version.version) from error
    except Integrity as error:
        raise RunRefused(Reason.INTEGRITY, f"integrity: {error}") from error

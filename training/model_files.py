"""A trained model's files, held against their hashes, read once and kept in memory."""

from functools import lru_cache

from training.errors import RunRefused
from training.models import Reason, TrainingRun
from training.quant.serving import MANIFEST, MODEL, CandleModel, Integrity, read_model
from training.storage import artifact_storage

KEPT_MODELS = 32


@lru_cache(maxsize=KEPT_MODELS)
def stored_model(run_id: str) -> CandleModel:
    """A run's model. Kept by the run: a finished run's files never change. Raises RunRefused("integrity")."""
    version = TrainingRun.objects.select_related("model_version").get(run_id=run_id).model_version
    storage, files = artifact_storage(), {}
    try:
        for name in (MODEL, MANIFEST):
            with storage.open(f"{version.folder}/{name}") as file:
                files[name] = file.read()
        return read_model(files, version.files)
    except FileNotFoundError as error:
        raise RunRefused(Reason.INTEGRITY, f"integrity: a file of model {version.version} is missing.") from error
    except Integrity as error:
        raise RunRefused(Reason.INTEGRITY, f"integrity: {error}") from error

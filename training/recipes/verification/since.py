"""What verifications of every kind ask first: whether there is anything left to train on, and what changed since."""

from typing import Any

from training.artifacts.provenance import code_version, libraries_changed
from training.models import TrainingRun


def changed_since(run: TrainingRun, *, params_hash: str, is_other_data: bool) -> list[str]:
    """Of data, code_version, library_versions and params those that aren't as they were when the run was made. A walk
    doesn't store what it was made with."""
    then = run.detail.get("made_with")
    causes = {
        "data": is_other_data,
        "code_version": then is not None and code_version() != then["code_version"],
        "library_versions": then is not None and libraries_changed(then["library_versions"]),
        "params": params_hash != run.params_hash,
    }
    return [name for name, has_changed in causes.items() if has_changed]


def untrainable(problem: Exception) -> dict[str, Any]:
    """The result where today's bars don't do any more."""
    gone = {"identical": False, "differs": ["data"], "truncation_identical": None, "model_hash": None}
    return {**gone, "sentence": f"Differs: {problem}"}

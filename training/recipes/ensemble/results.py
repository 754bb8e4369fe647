"""What a finished ensemble leaves behind: its JSON and its files."""

from typing import Any

from instruments.quant.features.candle import feature_set
from training.artifacts.storage import artifact_names, sha256
from training.models import TrainingRun
from training.quant.candle.export import json_bytes
from training.quant.candle.model import MANIFEST
from training.quant.candle.train import Judged
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.candle.data import CandleData
from training.recipes.candle.results import judged_detail, judged_result, run_meta
from training.recipes.ensemble.data import Assembled
from training.recipes.ensemble.models import MemberModel


def ensemble_manifest(spec: EnsembleSpec, assembled: Assembled, outcome: Judged) -> dict[str, Any]:
    """How the members are averaged, where up begins, and the SHA-256 of each member's files; its own is the hash of
    the model."""
    return {
        "format": 1,
        "how": spec.how,
        "timeframe": spec.timeframe,
        "rows_rule": spec.rows_rule,
        "threshold": outcome.threshold,
        "feature_names": list(outcome.columns),
        "feature_sets": list(assembled.model.feature_sets),
        "members": [
            {
                "run_id": member.run_id,
                **({} if member.cell is None else {"cell": member.cell}),
                "candle_date": member.spec.candle,
                "params_hash": member.params_hash,
                "data_hash": member.data_hash,
                "model_hash": member.model_hash,
            }
            for member in spec.members
        ],
        "files": {name: sha256(content) for name, content in assembled.files.items()},
        "params_hash": spec.params_hash(),
        "data_hash": spec.data_hash(),
    }


def ensemble_result(run: TrainingRun, spec: EnsembleSpec, outcome: Judged, *, model_hash: str) -> dict[str, Any]:
    """What lists and the API show: a CandleResult."""
    names = artifact_names(run.run_id)
    paths = {"manifest": MANIFEST, "results": names["results"], "run_meta": names["run_meta"]}
    return judged_result(outcome, data_hash=spec.data_hash(), model_hash=model_hash, artifact_paths=paths)


def ensemble_detail(
    spec: EnsembleSpec, data: CandleData, outcome: Judged, members: list[MemberModel]
) -> dict[str, Any]:
    """What only the ensemble's own page draws."""
    detail = judged_detail(spec.newest, data, outcome)
    last = max(member.last_train_outcome for member in members)
    return {
        **detail,
        "proof": {**detail["proof"], "last_train_outcome": last},
        "member_hashes": [{"data_hash": m.data_hash, "model_hash": m.model_hash} for m in spec.members],
        "feature_importance": _importance([member.importance for member in members]),
        "warnings": _warnings(spec, outcome),
    }


def ensemble_files(
    run: TrainingRun, spec: EnsembleSpec, native: dict[str, bytes], *, result: dict[str, Any], detail: dict[str, Any]
) -> dict[str, bytes]:
    """Name -> content of everything in the run's folder: `native` is what serving reads."""
    names = artifact_names(run.run_id)
    results = {"run_id": run.run_id, "config": spec.as_request(), "params_hash": run.params_hash, **result, **detail}
    files = {**native, names["results"]: json_bytes(results)}
    return {**files, names["run_meta"]: run_meta(run, spec.candle, files, script="boursomatic ensemble")}


def _importance(of_members: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The mean of the members' shares of each feature, 0 for those that don't look at it; largest first."""
    shares: dict[str, float] = {}
    for features in of_members:
        for feature in features:
            shares[feature["feature"]] = shares.get(feature["feature"], 0.0) + feature["share"] / len(of_members)
    return [{"feature": name, "share": shares[name]} for name in sorted(shares, key=lambda name: (-shares[name], name))]


def _warnings(spec: EnsembleSpec, outcome: Judged) -> list[str]:
    """Those of the members' features, and what is to be known of the whole."""
    names = {member.spec.feature_set for member in spec.members}
    warnings = [warning for name in sorted(names) if (warning := feature_set(name).warning)]
    warnings += outcome.plan.warnings
    if spec.how == "rank":
        warnings.append(
            "What it answers is a mean percentile rank, not a probability: 0.5 is the middle of what its members said "
            "of the candles they were trained on."
        )
    if not len(outcome.plan.split.test):
        warnings.append(f"Live: {outcome.plan.missing_after} of the candles of a test window have not happened yet.")
    return warnings

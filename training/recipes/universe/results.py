"""What a finished universe run leaves behind: its JSON and its files."""

import csv
import io
from typing import Any

import numpy as np

from boursomatic.shared.records import to_json
from instruments.quant.features.daily import FEATURE_SET, VERSION
from training.artifacts.provenance import code_version, library_versions
from training.artifacts.storage import sha256
from training.models import TrainingRun
from training.quant.candle.export import joblib_bytes, json_bytes
from training.quant.candle.spec import COST_BP
from training.quant.stats.backtest import Performance
from training.quant.stats.stability import MOST_ROWS, distribution_of
from training.quant.universe.evidence import universe_evidence
from training.quant.universe.fit import ModelPair, gains, permuted
from training.quant.universe.model import CLASSIFIER, FORMAT, MANIFEST, REGRESSOR
from training.quant.universe.panel import CLASSES, COLUMNS, PARTS, Panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import Evaluation, UniverseOutcome
from training.recipes.universe.data import UniverseData
from training.recipes.universe.schema import AucOfBuy, Borders, PartMetrics, PartRows, UniverseMetrics, UniverseResult

ARTIFACTS = {
    "classifier": CLASSIFIER,
    "regressor": REGRESSOR,
    "classifier_joblib": "classifier.joblib",
    "regressor_joblib": "regressor.joblib",
    "metrics": "metrics.json",
    "feature_importance": "feature_importance.csv",
    "manifest": MANIFEST,
}


def model_texts(pair: ModelPair) -> dict[str, bytes]:
    """LightGBM's text format of both models."""
    return {
        CLASSIFIER: pair.classifier.model_to_string().encode(),
        REGRESSOR: pair.regressor.model_to_string().encode(),
    }


def model_hash(texts: dict[str, bytes]) -> str:
    """SHA-256 over the SHA-256 sums of both texts, as `sha256sum classifier.txt regressor.txt` gives them."""
    return sha256("".join(f"{sha256(texts[name])}\n" for name in (CLASSIFIER, REGRESSOR)).encode())


def universe_result(
    run: TrainingRun, spec: UniverseSpec, data: UniverseData, outcome: UniverseOutcome, texts: dict[str, bytes]
) -> dict[str, Any]:
    """What lists, API and command show: a UniverseResult."""
    evaluated = texts if outcome.deployed is outcome.evaluated else model_texts(outcome.evaluated)
    result = UniverseResult(
        version=version_of(run),
        universe=spec.universe,
        as_of=data.as_of.isoformat(),
        instruments=len(data.panel.symbols),
        bars=data.bars,
        rows=PartRows(**{name: len(getattr(outcome.split, name)) for name in PARTS}),
        borders=Borders(**{name: day_of(data.panel, place) for name, place in outcome.split.boundaries.items()}),
        metrics=PartMetrics(
            validation=UniverseMetrics(**outcome.validation.metrics), test=UniverseMetrics(**outcome.test.metrics)
        ),
        evidence=outcome.test.portfolios.excess,
        rank_test=universe_evidence(data.panel, outcome.test.rows, outcome.test.expected, horizon=spec.horizon),
        auc_buy=AucOfBuy(model=outcome.model_auc, logistic=outcome.logistic_auc),
        feature_names=list(COLUMNS),
        artifact_paths=ARTIFACTS,
        data_hash=data.data_hash,
        model_hash=model_hash(texts),
        judged_model_hash=model_hash(evaluated),
        used_until=day_of(data.panel, outcome.used_until),
    )
    stored: dict[str, Any] = to_json(result)
    return stored


def universe_detail(data: UniverseData, spec: UniverseSpec, outcome: UniverseOutcome) -> dict[str, Any]:
    """What only the run's own page and files hold: reports, books day by day, importance, proof."""
    panel, split = data.panel, outcome.split
    rows = split.scored(panel, "validation")
    return {
        "reports": {"validation": outcome.validation.reports, "test": outcome.test.reports},
        "books": {"validation": _portfolios(panel, outcome.validation), "test": _portfolios(panel, outcome.test)},
        "cost_bp": COST_BP,
        "feature_importance": gains(outcome.evaluated),
        "permutation_importance": permuted(
            outcome.evaluated, panel.features[rows], outcome.labels[rows], seed=spec.seed
        ),
        "symbols": list(panel.symbols),
        "distribution": _distribution(panel, outcome),
        "proof": {
            "last_train_outcome": day_of(panel, int(panel.outcome[split.train].max())),
            "first_validation_decision": day_of(panel, split.boundaries["validation_first"]),
            "last_validation_outcome": day_of(panel, int(panel.outcome[rows].max())),
            "first_test_decision": day_of(panel, split.boundaries["test_first"]),
        },
        "made_with": {"code_version": code_version(), "library_versions": library_versions()},
    }


def universe_files(
    run: TrainingRun,
    spec: UniverseSpec,
    outcome: UniverseOutcome,
    *,
    texts: dict[str, bytes],
    result: dict[str, Any],
    detail: dict[str, Any],
) -> dict[str, bytes]:
    """Name -> content of everything in the run's folder; the manifest comes last and holds the others' hashes."""
    files = {
        **texts,
        ARTIFACTS["classifier_joblib"]: joblib_bytes(outcome.deployed.classifier),
        ARTIFACTS["regressor_joblib"]: joblib_bytes(outcome.deployed.regressor),
        ARTIFACTS["metrics"]: json_bytes({"run_id": run.run_id, "config": spec.as_dict(), **result, **detail}),
        ARTIFACTS["feature_importance"]: _importance_csv(detail),
    }
    manifest = {
        "format": FORMAT,
        "kind": "universe",
        "version": result["version"],
        "universe": spec.universe,
        "timeframe": "1d",
        "horizon": spec.horizon,
        "buy_threshold": spec.buy_threshold,
        "sell_threshold": spec.sell_threshold,
        "classes": list(CLASSES),
        "feature_set": {"name": FEATURE_SET, "version": VERSION},
        "feature_names": list(COLUMNS),
        "refit": spec.refit,
        **{name: result[name] for name in ("as_of", "used_until", "data_hash", "model_hash", "judged_model_hash")},
        "params_hash": run.params_hash,
        "symbols": detail["symbols"],
        "distribution": detail["distribution"],
        "files": {name: sha256(content) for name, content in files.items()},
        "created_by": run.created_by.get_username() if run.created_by else None,
        **detail["made_with"],
    }
    return {**files, ARTIFACTS["manifest"]: json_bytes(manifest)}


def version_of(run: TrainingRun) -> str:
    return f"universe-{run.run_id}"


def day_of(panel: Panel, place: int) -> str:
    """The ISO date of a place among the panel's days."""
    return str(panel.days[place].astype("datetime64[D]"))


def _distribution(panel: Panel, outcome: UniverseOutcome) -> dict[str, Any]:
    """Of the features that the deployed model was fitted on; and of the scores that the evaluated one gave to days that
    it had not seen: on its own rows a model is surer than it will ever be again."""
    split = outcome.split
    used = split.train if outcome.deployed is outcome.evaluated else np.flatnonzero(panel.has_outcome)
    unseen = np.concatenate([split.validation, split.test])
    unseen = unseen[:: max(1, len(unseen) // MOST_ROWS)]
    scores = outcome.evaluated.probabilities(panel.features[unseen])
    names = tuple(f"p_{name.lower()}" for name in CLASSES)
    return {
        "features": distribution_of(COLUMNS, panel.features[used], panel.day[used]).as_dict(),
        "scores": distribution_of(names, scores, panel.day[unseen]).as_dict(),
    }


def _portfolios(panel: Panel, evaluation: Evaluation) -> dict[str, Any]:
    by_name: dict[str, Any] = {"days": [day_of(panel, place) for place in evaluation.portfolios.days.tolist()]}
    for name in ("long_short", "long_only", "equal_weight"):
        book: Performance = getattr(evaluation.portfolios, name)
        by_name[name] = book.as_dict()
    return by_name


def _importance_csv(detail: dict[str, Any]) -> bytes:
    out = io.StringIO()
    names = ["feature", "gain_classifier", "gain_regressor", "permutation"]
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    for row in detail["feature_importance"]:
        writer.writerow({**row, "permutation": detail["permutation_importance"][row["feature"]]})
    return out.getvalue().encode()

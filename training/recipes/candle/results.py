"""What a finished candle run leaves behind: its JSON and its files."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from boursomatic.shared.records import to_json
from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_set
from training.artifacts.provenance import code_version, library_versions
from training.artifacts.storage import artifact_names, sha256
from training.evidence.trials import TrialFields
from training.models import TrainingRun
from training.quant.candle.export import joblib_bytes, json_bytes, manifest
from training.quant.candle.folds import Fold, FoldReport
from training.quant.candle.model import MANIFEST, MODEL
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import SplitPart
from training.quant.candle.spec import COST_BP, CandleSpec, format_time
from training.quant.candle.train import CandleOutcome, Judged
from training.quant.candle.windows import NO_WINDOWS, NONE_SHOWN, JudgedWindow, WindowReport
from training.quant.stats.classification import Metrics as Evaluated
from training.recipes.base import ModelFields
from training.recipes.candle.data import CandleData
from training.recipes.candle.schema import (
    CandleResult,
    FoldResult,
    Metrics,
    Split,
    Splits,
    TrainMetrics,
    WindowResult,
)

HEADLINE = ("accuracy", "precision", "recall", "f1", "auc", "mcc")


def data_hash(data: CandleData) -> str:
    """SHA-256 over stored bars, stale ones too, around the training period and the test window: the same whatever the
    rule for rows."""
    return _hash(data.hashed)


def rows_hash(data: CandleData) -> str:
    """SHA-256 over every number that the run looked at: a file filled forward has that of its clean twin."""
    return _hash(data.bars)


def _hash(bars: Bars) -> str:
    """Times and adjusted OHLCV, little-endian."""
    digest = hashlib.sha256()
    for column in (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume):
        digest.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def candle_result(
    run: TrainingRun,
    data: CandleData,
    outcome: CandleOutcome,
    text: bytes,
    *,
    windows: WindowReport,
    folds: FoldReport | None,
) -> dict[str, Any]:
    """What lists and the API show: a CandleResult."""
    return judged_result(
        outcome,
        data_hash=data_hash(data),
        model_hash=sha256(text),
        artifact_paths=artifact_names(run.run_id),
        windows=windows,
        folds=folds.folds if folds else [],
    )


def judged_result(
    outcome: Judged,
    *,
    data_hash: str,
    model_hash: str,
    artifact_paths: dict[str, str],
    windows: WindowReport = NO_WINDOWS,
    folds: Sequence[Fold] = (),
) -> dict[str, Any]:
    """A CandleResult of whatever model was judged on a test window; `windows` and `folds` are a candle run's only."""
    result = CandleResult(
        train_metrics=TrainMetrics(**vars(outcome.train), best_threshold=outcome.threshold),
        validation_metrics=_metrics(outcome.validation, "nothing is held out for validation"),
        test_metrics=_metrics(outcome.test, "no test window: its future has not happened yet"),
        evidence=outcome.evidence,
        splits=Splits(**{name: _split(part) for name, part in outcome.plan.parts.items()}),
        data_hash=data_hash,
        model_hash=model_hash,
        feature_names=list(outcome.columns),
        artifact_paths=artifact_paths,
        window_results=[_window(each) for each in windows.windows],
        shelf_life=NONE_SHOWN if windows.shelf_life == 0 else windows.shelf_life,
        fold_results=[_fold(fold) for fold in folds],
    )
    stored: dict[str, Any] = to_json(result)
    return stored


def series_model(run: TrainingRun, result: dict[str, Any]) -> ModelFields:
    """The version of whatever model of one series a CandleResult is of."""
    return ModelFields(
        version=f"{run.kind}-{run.run_id}",
        metrics={name: result[name] for name in ("train_metrics", "validation_metrics", "test_metrics")},
        data_hash=result["data_hash"],
        model_hash=result["model_hash"],
        series=run.series,
    )


def series_trial(candle: datetime, result: dict[str, Any]) -> TrialFields:
    """Its trial, which its confirmation settles."""
    p_value = result["evidence"]["p_value"] if result["evidence"] else None
    return TrialFields(as_of=candle, data_hash=result["data_hash"], p_value=p_value, is_settled=False)


def candle_detail(
    spec: CandleSpec, data: CandleData, outcome: CandleOutcome, *, windows: WindowReport, folds: FoldReport | None
) -> dict[str, Any]:
    """What only the run's own page draws."""
    time, rows, split = data.bars.time, outcome.plan.rows, outcome.plan.split
    return {
        **judged_detail(spec, data, outcome),
        "best_round": outcome.final.rounds,
        "curve": list(outcome.validated.curve) if outcome.validated else [],
        "feature_importance": _importance(outcome),
        "windows": [{"pooled": each.pooled, "seen": each.window.seen} for each in windows.windows],
        "folds": _folds(outcome, folds) if folds else None,
        "fit_rows": {
            "rows": len(split.fit),
            "first": _iso(time[rows[split.fit[0]]]),
            "last": _iso(time[rows[split.fit[-1]]]),
        },
        "warnings": _warnings(spec, outcome),
    }


def judged_detail(spec: CandleSpec, data: CandleData, outcome: Judged) -> dict[str, Any]:
    """What pages draw of whatever model was judged on a test window, that of `spec`."""
    time, rows, split = data.bars.time, outcome.plan.rows, outcome.plan.split
    return {
        "best_threshold": outcome.threshold,
        "baselines": {name: _baselines(part) for name, part in _parts(outcome).items()},
        "test_rows": _test_rows(spec, data, outcome),
        "performance": _performance(outcome),
        "proof": {
            "last_train_outcome": _iso(time[rows[split.train[-1]] + split.horizon]),
            "decision": _iso(time[data.decision]),
            "first_test_outcome": _iso(time[rows[split.test[0]] + split.horizon]) if len(split.test) else None,
        },
        "rows_hash": rows_hash(data),
        "made_with": {"code_version": code_version(), "library_versions": library_versions()},
    }


def candle_files(
    run: TrainingRun,
    spec: CandleSpec,
    outcome: CandleOutcome,
    *,
    text: bytes,
    result: dict[str, Any],
    detail: dict[str, Any],
) -> dict[str, bytes]:
    """Name -> content of everything in the run's folder; `run_meta` comes last and holds the hashes of the others.

    `text` is the model's, made once by the caller: 1.3 ms a time.
    """
    names = artifact_names(run.run_id)
    hashes = {name: result[name] for name in ("data_hash", "model_hash")} | {"params_hash": run.params_hash}
    files = {
        **({MODEL: text} if spec.model == "lightgbm" else {}),
        MANIFEST: json_bytes(manifest(outcome, spec, hashes=hashes)),
        names["model"]: joblib_bytes(outcome.final.model),
        names["scaler"]: joblib_bytes(outcome.final.scaler),
        names["results"]: json_bytes({"run_id": run.run_id, "config": spec.as_request(), **hashes, **result, **detail}),
    }
    return {**files, names["run_meta"]: run_meta(run, spec.candle, files, script="boursomatic train_poc")}


def run_meta(run: TrainingRun, candle: str, files: dict[str, bytes], *, script: str) -> bytes:
    """Who made these files of a run's folder, with what, and their hashes."""
    meta = {
        "script": script,
        "run_timestamp": run.run_id[:15],
        "run_id": run.run_id,
        "selected_candle_date": candle,
        "artifact_paths": {name: {"path": name, "sha256": sha256(content)} for name, content in files.items()},
        "status": "completed",
        "code_version": code_version(),
        "library_versions": library_versions(),
        "created_by": run.created_by.get_username() if run.created_by else None,
    }
    return json_bytes(meta)


def _parts(outcome: Judged) -> dict[str, Evaluated | None]:
    return {"train": outcome.train, "validation": outcome.validation, "test": outcome.test}


def _metrics(evaluated: Evaluated | None, why_none: str) -> Metrics:
    if evaluated is not None:
        return Metrics(**vars(evaluated))
    nothing: dict[str, Any] = dict.fromkeys(HEADLINE)
    return Metrics(**nothing, undefined={"all": why_none})


def _split(part: SplitPart) -> Split:
    return Split(
        rows=part.rows,
        first=_iso(part.first) if part.first is not None else None,
        last=_iso(part.last) if part.last is not None else None,
        class_counts={"0": part.down, "1": part.up},
    )


def _baselines(metrics: Evaluated | None) -> dict[str, float] | None:
    if metrics is None:
        return None
    return {
        "base_rate": metrics.base_rate,
        "majority_accuracy": metrics.majority_accuracy,
        "always_up_accuracy": metrics.always_up_accuracy,
    }


def _test_rows(spec: CandleSpec, data: CandleData, outcome: Judged) -> list[dict[str, Any]]:
    """Decision by decision: what was predicted at `timestamp` of the candle at `target`, and what came; `outcome` is
    None where the price did not move."""
    plan, time, labels = outcome.plan, data.bars.time, candle_label(data.bars, spec)
    return [
        {
            "timestamp": _iso(time[t]),
            "target": _iso(time[t + 1]),
            "probability": float(p),
            "prediction": int(p >= outcome.threshold),
            "outcome": None if np.isnan(labels[t]) else int(labels[t]),
        }
        for t, p in zip(plan.span, outcome.test_probability, strict=True)
    ]


def _window(judged: JudgedWindow) -> WindowResult:
    window = judged.window
    return WindowResult(_iso(judged.first), _iso(judged.last), len(window.labels), window.auc, window.interval)


def _fold(fold: Fold) -> FoldResult:
    return FoldResult(fold.rows, _iso(fold.first), _iso(fold.last), fold.auc, fold.log_loss)


def _folds(outcome: CandleOutcome, folds: FoldReport) -> dict[str, Any]:
    """What all folds together say; features by the number of folds in which they beat their shadow."""
    names = ("auc_spread", "auc_luck", "log_loss_spread", "log_loss_luck", "is_steady", "gain_correlation")
    beaten = sorted(zip(outcome.columns, folds.beaten.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return {
        **{name: getattr(folds, name) for name in names},
        "beats_shadow": [{"feature": name, "folds": count} for name, count in beaten],
    }


def _performance(outcome: Judged) -> dict[str, Any] | None:
    if outcome.strategy is None or outcome.buy_and_hold is None:
        return None
    return {
        "strategy": outcome.strategy.as_dict(),
        "buy_and_hold": outcome.buy_and_hold.as_dict(),
        "cost_bp": COST_BP,
        "bars_a_year": outcome.bars_a_year,
    }


def _iso(seconds: Any) -> str:
    return format_time(datetime.fromtimestamp(int(seconds), tz=UTC))


def _importance(outcome: CandleOutcome) -> list[dict[str, Any]]:
    """Share of the total gain, or of all weights, of each feature, largest first; all 0 where no tree has split."""
    importance = outcome.final.importance()
    total = float(importance.sum()) or 1.0
    pairs = sorted(zip(outcome.columns, importance, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [{"feature": name, "share": float(value) / total} for name, value in pairs]


def _warnings(spec: CandleSpec, outcome: CandleOutcome) -> list[str]:
    """What the user should know before he believes the figures."""
    warnings = []
    if feature_set(spec.feature_set).warning:
        warnings.append(feature_set(spec.feature_set).warning)
    plan = outcome.plan
    warnings += plan.warnings
    if plan.limited_by_history:
        warnings.append(
            f"The history is shorter than {spec.train_years:g} years: trained on {plan.parts['train'].rows} candles."
        )
    if not len(plan.split.test):
        warnings.append(f"Trained live: {plan.missing_after} of the candles of a test window have not happened yet.")
    if outcome.validated and outcome.validated.rounds == 1:
        warnings.append("Validation was best after a single round: the features hardly helped beyond the base rate.")
    return warnings

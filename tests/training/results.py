"""Results as completed runs store them, whole but of made-up figures; `more` takes the place of what is named."""

from typing import Any

from boursomatic.shared.records import to_json
from training.quant.candle.verdict import Evidence
from training.quant.stats.sharpe import Excess
from training.quant.universe.evidence import AfterCosts, UniverseEvidence
from training.recipes.candle.schema import CandleResult, Metrics, Split, Splits, TrainMetrics
from training.recipes.confirmation.schema import ConfirmationResult
from training.recipes.universe.schema import (
    AucOfBuy,
    Borders,
    PartMetrics,
    PartRows,
    UniverseMetrics,
    UniverseResult,
)
from training.recipes.walk_forward.schema import Curve, Fold, Stability, WalkResult

AT = "2019-06-03T00:00:00Z"
DAY = "2024-01-02"
FIGURES: dict[str, Any] = {**dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc"), 0.55), "mcc": 0.1}


def candle_result(*, evidence: dict[str, Any] | None = None, test: dict[str, Any] | None = None) -> dict[str, Any]:
    """`evidence` and `test`: what the test window says, none by default, and figures of it."""
    figures = {**FIGURES, "undefined": {}}
    split = Split(rows=35, first=AT, last=AT, class_counts={"0": 17, "1": 18})
    result: dict[str, Any] = to_json(
        CandleResult(
            train_metrics=TrainMetrics(**figures, best_threshold=0.5),
            validation_metrics=Metrics(**figures),
            test_metrics=Metrics(**{**figures, **(test or {})}),
            evidence=Evidence(**evidence) if evidence else None,
            splits=Splits(train=split, validation=split, test=split),
            data_hash="d" * 64,
            model_hash="e" * 64,
            feature_names=["return_1"],
            artifact_paths={"model": "model.joblib"},
        )
    )
    return result


def confirmation_result(*, evidence: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = to_json(ConfirmationResult(evidence=Evidence(**evidence)))
    return result


def rank_test(*, p_value: float | None, days: int = 600, windows: int = 0) -> UniverseEvidence:
    return UniverseEvidence(p_value, p_value, days, 6 * days, windows, AfterCosts(p_value, 1.0))


def universe_walk_result(*, universe: str, p_value: float | None, folds: int = 10, **pooled: Any) -> dict[str, Any]:
    """What a walk stores; `pooled`: figures of all folds together."""
    figures = universe_result(universe=universe, test=pooled)["metrics"]["test"]
    days = {"train_last": DAY, "first": DAY, "last": DAY}
    result: dict[str, Any] = to_json(
        WalkResult(
            universe=universe,
            as_of=DAY,
            instruments=6,
            window="expanding",
            data_hash="d" * 64,
            folds=[Fold(**figures, **days)] * folds,
            pooled=UniverseMetrics(**figures),
            stability=Stability(rank_ic=folds, lift_buy=folds, sharpe=folds, excess_sharpe=folds),
            curve=Curve(days=[DAY], long_short=[1.1], equal_weight=[1.0]),
            evidence=Excess(sharpe=2.0, p_value=p_value, days=600),
            rank_test=rank_test(p_value=p_value, windows=folds),
        )
    )
    return result


def universe_result(
    *,
    universe: str,
    as_of: str = DAY,
    sharpe: float = 2.0,
    p_value: float | None = 0.001,
    days: int = 100,
    test: dict[str, Any] | None = None,
    auc_buy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """`test`: figures of the test part."""
    figures: dict[str, Any] = dict.fromkeys(UniverseMetrics.__struct_fields__, 0.1)
    figures |= {name: None for name in figures if name.endswith("_interval")} | {"rows": 100, "buys": 10}
    figures |= {name: -0.1 for name in figures if name.endswith("max_drawdown")}
    borders = dict.fromkeys(Borders.__struct_fields__, as_of)
    result: dict[str, Any] = to_json(
        UniverseResult(
            version="universe-made-up",
            universe=universe,
            as_of=as_of,
            instruments=6,
            bars=1000,
            rows=PartRows(train=700, validation=150, test=100),
            borders=Borders(**borders),
            metrics=PartMetrics(
                validation=UniverseMetrics(**figures), test=UniverseMetrics(**{**figures, **(test or {})})
            ),
            evidence=Excess(sharpe=sharpe, p_value=p_value, days=days),
            rank_test=rank_test(p_value=p_value, days=days),
            auc_buy=AucOfBuy(**(auc_buy or {"model": 0.6, "logistic": 0.55})),
            feature_names=["return_1"],
            artifact_paths={"manifest": "manifest.json"},
            data_hash="d" * 64,
            model_hash="e" * 64,
            judged_model_hash="e" * 64,
            used_until=as_of,
        )
    )
    return result

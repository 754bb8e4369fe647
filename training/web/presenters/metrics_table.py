"""A value with its interval and its baseline: the one shape in which figures reach a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PARTS = ("train", "validation", "test")
METRICS = (
    ("accuracy", "Accuracy"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
    ("auc", "AUC"),
    ("mcc", "MCC"),
    ("log_loss", "Log-loss"),
    ("brier", "Brier score"),
)
BASELINES = (
    ("majority_accuracy", "Accuracy of the majority class"),
    ("always_up_accuracy", "Accuracy of always up"),
    ("base_rate", "Share of candles that went up"),
)
LUCK = 0.5  # the AUC of guessing


@dataclass(frozen=True)
class Figure:
    """`reason` says why there is no value; `against` says in words what the baseline is."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    baseline: float | None = None
    against: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a table of metrics, a figure for each part; `note` names its explanation."""

    label: str
    figures: tuple[Figure, ...]
    note: str = ""
    is_baseline: bool = False


def auc_figure(auc: float | None, interval: Sequence[float] | None, reason: str = "") -> Figure:
    low, high = interval or (None, None)
    return Figure(auc, low, high, reason, LUCK if auc is not None else None, "luck")


def metric_lines(summary: dict[str, Any]) -> list[Line]:
    """Metrics of the three parts side by side, and below them the ways to be right without looking."""
    parts = [summary.get(f"{part}_metrics") or {} for part in PARTS]
    return part_lines(parts) if parts[0] else []


def part_lines(parts: Sequence[dict[str, Any]]) -> list[Line]:
    lines = [Line(label, tuple(_figure(metrics, name) for metrics in parts), name) for name, label in METRICS]
    lines.append(Line("Best threshold", tuple(Figure(metrics.get("threshold")) for metrics in parts)))
    lines += [
        Line(label, tuple(_figure(metrics, name) for metrics in parts), "base_rate", True) for name, label in BASELINES
    ]
    return lines


def _figure(metrics: dict[str, Any], name: str) -> Figure:
    low, high = metrics.get(f"{name}_interval") or (None, None)
    undefined = metrics.get("undefined") or {}
    value = metrics.get(name)
    baseline, against = _baseline(metrics, name) if value is not None else (None, "")
    return Figure(value, low, high, undefined.get(name) or undefined.get("all", ""), baseline, against)


def _baseline(metrics: dict[str, Any], name: str) -> tuple[float | None, str]:
    """What a figure of this part is to be held against, by its base rate."""
    rate = metrics.get("base_rate")
    fixed: dict[str, tuple[float, str]] = {"auc": (LUCK, "luck"), "mcc": (0.0, "no skill")}
    if name in fixed or rate is None:
        return fixed.get(name, (None, ""))
    baselines = {
        "accuracy": (max(rate, 1 - rate), "the majority class"),
        "precision": (rate, "always up"),
        "recall": (1.0, "always up"),
        "f1": (2 * rate / (1 + rate), "always up"),
        "log_loss": (_entropy(rate), "the base rate as probability"),
        "brier": (rate * (1 - rate), "the base rate as probability"),
    }
    return baselines.get(name, (None, ""))


def _entropy(rate: float) -> float:
    return -sum(share * math.log(share) for share in (rate, 1 - rate) if share)

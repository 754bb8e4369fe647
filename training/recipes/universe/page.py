"""What the pages of universe runs and walks are drawn from: figures beside their baselines, tables, and pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from boursomatic.shared.ages import seconds_since
from training.evidence.findings import findings_of
from training.evidence.trials import levels_spent
from training.evidence.universe import universe_confirmations
from training.models import ACTIVE, Status, TrainingRun
from training.quant.candle.spec import Range
from training.quant.candle.verdict import Label, level_text, p_text
from training.quant.stats.equity import returns_of
from training.quant.universe.spec import PHASE22, SHARES, UNIVERSE_RANGES
from training.quant.walk_forward.spec import WALK_RANGES
from training.queue import hosts
from training.recipes.universe.form import percent_text
from training.recipes.universe.preview import DEMO
from training.recipes.walk_forward.as_json import folds_by_walk
from training.registry.activation import activations_of
from training.runs.as_json import run_json
from training.web.presenters.charts import line_plot
from training.web.presenters.equity import band_edges, day_numbers, equity_panel
from training.web.presenters.progress import time_left, under_way
from training.web.presenters.universe_information import (
    ShelfLife,
    band_text,
    information_notes,
    overfitting_lines,
    shelf_life_panel,
    stability_panel,
)
from training.web.presenters.verdict import poll_ms, proof_context

IMPORTANCE = 15  # features shown
COUNT, PERCENT, NUMBER = "count", "percent", "number"
# Name and label, how it is shown, and what it is held against: another figure's name, or a number.
FIGURES: tuple[tuple[str, str, str, str | float | None, str], ...] = (
    ("buys", "BUY signals", COUNT, "rows", "of"),
    ("precision_buy", "Precision of BUY (%)", PERCENT, "base_rate_buy", "base rate of those days"),
    ("lift_buy", "… above that base rate (points)", PERCENT, 0.0, "no skill"),
    ("precision_buy_positive", "BUY signals with a positive return (%)", PERCENT, "base_rate_positive", "base rate"),
    ("accuracy", "Accuracy (%)", PERCENT, "majority_accuracy", "always the most frequent class"),
    ("auc_buy", "AUC of P(BUY)", NUMBER, "auc_logistic", "logistic regression"),
    ("rank_ic", "Rank IC by day", NUMBER, 0.0, "no skill"),
    ("rmse", "RMSE of the expected return", NUMBER, None, ""),
    ("mae", "MAE of the expected return", NUMBER, None, ""),
    ("r2", "R²", NUMBER, 0.0, "the mean return"),
    ("sharpe", "Sharpe ratio after costs", NUMBER, "benchmark_sharpe", "equal weight"),
    ("deflated_sharpe", "Deflated Sharpe, probability (%)", PERCENT, None, ""),
    ("excess_sharpe", "Market-neutral Sharpe after costs", NUMBER, 0.0, "no skill"),
    ("total_return", "Total return (%)", PERCENT, "benchmark_total_return", "equal weight"),
    ("max_drawdown", "Max drawdown (%)", PERCENT, "benchmark_max_drawdown", "equal weight"),
    ("turnover", "Daily turnover (%)", PERCENT, None, ""),
    ("exposure", "Mean net exposure (%)", PERCENT, None, ""),
    ("gross", "Mean gross exposure (%)", PERCENT, None, ""),
)
BOOKS = (
    ("long_short", "Long and short", ""),
    ("long_only", "Long only", ""),
    ("equal_weight", "Equal weight, no model", "benchmark"),
)
WALK_BOOKS = (("long_short", "All folds as one portfolio"), ("equal_weight", "Equal weight, no model"))
BOOK_STYLES = ("", "is-third", "is-second")  # of the lines, in the order of BOOKS
FOLD_FIGURES = (
    ("precision_buy", PERCENT),
    ("base_rate_buy", PERCENT),
    ("rank_ic", NUMBER),
    ("sharpe", NUMBER),
    ("excess_sharpe", NUMBER),
)


@dataclass(frozen=True)
class Steady:
    """A figure that is looked at over the folds, from `against` (another figure, or 0) on; `stable` counts its good
    ones in the walk's `stability`."""

    name: str
    label: str
    unit: str
    against: str | None
    stable: str


STEADY = (
    Steady("precision_buy", "Precision of BUY (%)", PERCENT, "base_rate_buy", "lift_buy"),
    Steady("rank_ic", "Rank IC by day", NUMBER, None, "rank_ic"),
    Steady("sharpe", "Sharpe ratio after costs", NUMBER, None, "sharpe"),
)


@dataclass(frozen=True)
class Cell:
    """A figure as text, its interval, and what it is held against: the number, and what that is in words."""

    value: str
    interval: str = ""
    against: str = ""
    against_text: str = ""


def universe_context(run: TrainingRun) -> dict[str, Any]:
    """For `universe_run/_run.html`."""
    summary = run_json(run)
    return {
        **_common(run, summary),
        **_confirmation(run),
        "left": time_left(run),
        **(_outcome(run, summary) | proof_context(run) if run.status == Status.COMPLETED else {}),
    }


def walk_context(run: TrainingRun) -> dict[str, Any]:
    """For `_walk.html`: the folds as they come, pooled when all are there."""
    summary = run_json(run)
    folds = folds_by_walk([run])[run.pk]
    done = [fold for fold in folds if fold.status == Status.COMPLETED]
    curve = summary["curve"]
    return {
        **_common(run, summary),
        "folds": folds,
        "left": time_left(run, folds),
        "under_way": under_way([run]),
        "done": len(done),
        "fold_rows": [(fold, _fold_cells(fold.result.get("fold"))) for fold in folds],
        "parts": ("Pooled, out of sample",),
        "pooled_lines": figure_lines([summary["pooled"]]) if summary["pooled"] else [],
        "fold_strips": [_strip(summary, steady) for steady in STEADY] if done else [],
        "panel": equity_panel(
            day_numbers(curve["days"]),
            {label: returns_of(np.array([1.0, *curve[name]])) for name, label in WALK_BOOKS},
            curve["band"],
            a_year=run.result.get("bars_a_year"),
        )
        if curve
        else None,
        "band_text": band_text(curve["band"]) if curve else "",
        "overfitting": overfitting_lines(summary) if curve else [],
        "beside": _beside(summary),
        "feature_stability": stability_panel(summary["importance_stability"], is_gain=summary["recipe"] == PHASE22),
        "shelf_lives": _shelf_lives((summary, f"{len(done)} models, each on the days after its training.")),
        "curve_days": (curve["days"][0], curve["days"][-1]) if curve else None,
        **(proof_context(run) if run.status == Status.COMPLETED else {}),
    }


def _confirmation(run: TrainingRun) -> dict[str, Any]:
    """The walk that confirms the run, if there is one, and how long after training models rank."""
    walk = universe_confirmations([run]).get(run.pk)
    is_active = walk is not None and walk.status in ACTIVE
    own = (run.result, "The model that was fitted on the training days alone, on validation and test days.")
    walked = [(walk.result, f"{walk.config['folds']} models of the walk-forward.")] if walk and walk.result else []
    return {
        "walk": walk,
        "shelf_lives": _shelf_lives(*walked, own),
        "walk_done": walk.parts.filter(status=Status.COMPLETED).count() if walk and is_active else None,
        "confirm_poll_ms": poll_ms(walk) if walk and is_active else None,
        "no_worker": hosts.missing(walk) if is_active else None,
    }


def _verdict_figures(verdict: dict[str, Any] | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    return {
        "verdict_p": p_text(verdict["p_value"]) if verdict["p_value"] is not None else "",
        "verdict_level": level_text(verdict["level"]) if verdict["level"] is not None else "",
        "names": round(verdict["rows"] / verdict["days"]) if verdict["days"] else 0,
    }


def figure_lines(parts: list[dict[str, Any]]) -> list[tuple[str, list[Cell]]]:
    """A line for each figure that any part has, a cell for each part."""
    return [
        (label, [_cell(part, name, unit, against, text) for part in parts])
        for name, label, unit, against, text in FIGURES
        if any(name in part for part in parts)
    ]


def _common(run: TrainingRun, summary: dict[str, Any]) -> dict[str, Any]:
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    ranges = {**UNIVERSE_RANGES, **(WALK_RANGES if "folds" in run.config else {})}
    settings = [_setting(r, summary["config"][name]) for name, r in ranges.items()]
    score = [("Model of record", summary["score"])] if summary["score"] else []
    return {
        "run": run,
        "findings": findings_of(run) if run.status == Status.COMPLETED else None,
        "summary": summary,
        "percent": round(100 * summary["progress"]),
        "poll_ms": poll_ms(run),
        "elapsed": seconds_since(run.started_at or run.created_at),
        "took": took.total_seconds() if took else None,
        "settings": [("Recipe", summary["recipe"]), *score, *settings, ("Seed", str(summary["config"]["seed"]))],
        "log": run.events.order_by("at", "id"),
        "subject": f"{summary['universe']} 1d" + (f", {summary['as_of']}" if summary["as_of"] else ""),
        "is_demo": summary["universe"] == DEMO,
        **_verdict_figures(summary["verdict"]),
        "spent": levels_spent() if summary["verdict"] and summary["verdict"]["label"] == Label.EVIDENCE else None,
        "is_cancelling": run.cancel_requested_at is not None,
        "glossary": information_notes(),
    }


def _setting(setting: Range, value: float) -> tuple[str, str]:
    """A setting as the form has it: label with its unit, shares in per cent."""
    if setting.name in SHARES:
        return f"{setting.label} (%)", percent_text(value)
    return f"{setting.label} ({setting.unit})" if setting.unit else setting.label, f"{value:g}"


def _outcome(run: TrainingRun, summary: dict[str, Any]) -> dict[str, Any]:
    detail, parts, model = run.detail, ("validation", "test"), run.model_version
    reports, portfolios = detail["reports"], detail["books"]["test"]
    band = portfolios.get("band")  # runs of before it have none
    part_metrics = [{**summary["metrics"][part], **_extras(reports[part])} for part in parts]
    part_metrics[1]["auc_logistic"] = summary["auc_buy"]["logistic"]
    return {
        "parts": ("Validation", "Test"),
        "lines": figure_lines(part_metrics),
        "confusions": [(part.capitalize(), _confusion(reports[part])) for part in parts],
        "by_class": [(name, _class_row(row)) for name, row in reports["test"]["by_class"].items()],
        "calibration": [
            {"rows": bucket["rows"], "predicted": 100 * bucket["promised"], "observed": 100 * bucket["came"]}
            for bucket in reports["test"]["calibration"]
        ],
        "equity": line_plot(
            {label: portfolios[name]["equity"] for name, label, _ in BOOKS},
            ["start", *portfolios["days"]],
            styles=BOOK_STYLES,
            level=1.0,
            band=band_edges(band),
        ),
        "band_text": band_text(band),
        "portfolios": [
            _book(label, style, portfolios[name]) for (name, label, _), style in zip(BOOKS, BOOK_STYLES, strict=True)
        ],
        "panel": equity_panel(
            day_numbers(portfolios["days"]),
            {label: np.array(portfolios[name]["returns"]) for name, label, _ in (BOOKS[0], BOOKS[-1])},
            a_year=run.result.get("bars_a_year"),
        ),
        "book_days": (portfolios["days"][0], portfolios["days"][-1]),
        "cost_bp": detail["cost_bp"],
        "importance": _importance(detail),
        "feature_weights": _weights(detail),
        "beside": _beside(summary),
        "proof": detail["proof"],
        "model": model,
        "activation": activations_of([model]).get(model.version),
        "files": sorted(model.files.items()),
    }


def _beside(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, rank IC and p of the model that was judged beside that of record."""
    return [
        (name, shown(one["rank_ic"], NUMBER), "–" if one["p_value"] is None else p_text(one["p_value"]))
        for name, one in summary["beside"].items()
    ]


def _shelf_lives(*results: tuple[Mapping[str, Any], str]) -> list[ShelfLife]:
    panels = (shelf_life_panel(result, of=of) for result, of in results)
    return [panel for panel in panels if panel]


def _extras(report: dict[str, Any]) -> dict[str, Any]:
    return {"auc_buy": report["auc_buy"], "rank_ic_interval": report["rank_ic_interval"]}


def _class_row(row: dict[str, Any]) -> dict[str, str]:
    shares = {name: shown(row[name], PERCENT) for name in ("precision", "recall", "f1")}
    return {**shares, "support": shown(row["support"], COUNT), "predicted": shown(row["said"], COUNT)}


def _fold_cells(fold: dict[str, Any] | None) -> dict[str, Any] | None:
    if fold is None:
        return None
    days = {name: fold[name] for name in ("train_last", "first", "last")}
    return {**days, "figures": [shown(fold[name], unit) for name, unit in FOLD_FIGURES]}


def _cell(part: dict[str, Any], name: str, unit: str, against: str | float | None, text: str) -> Cell:
    low, high = part.get(f"{name}_interval") or (None, None)
    base = part.get(against) if isinstance(against, str) else against
    return Cell(
        value=shown(part.get(name), unit),
        interval=f"{shown(low, unit)} to {shown(high, unit)}" if low is not None else "",
        against=shown(base, unit) if base is not None else "",
        against_text=text,
    )


def shown(value: float | None, unit: str) -> str:
    """A figure as text: a count, a share in percent, or a plain number."""
    if value is None:
        return "–"
    if unit == COUNT:
        return f"{value:,d}"
    return f"{100 * value:.1f}" if unit == PERCENT else f"{value:.3f}"


def _confusion(classification: dict[str, Any]) -> dict[str, Any]:
    """Rows are the actual class; each cell with its share of the row."""
    rows = []
    for name, counts in zip(classification["classes"], classification["confusion"], strict=True):
        total = sum(counts) or 1
        rows.append((name, [(count, 100 * count / total) for count in counts]))
    return {"classes": classification["classes"], "rows": rows}


def _book(label: str, style: str, book: dict[str, Any]) -> dict[str, str]:
    shares = {name: shown(book[name], PERCENT) for name in ("total_return", "max_drawdown", "turnover", "exposure")}
    return {"label": label, "style": style, "sharpe": shown(book["sharpe"], NUMBER), **shares}


def _weights(detail: dict[str, Any]) -> dict[str, Any]:
    """Of `honest`: each feature's weight, by horizon, and how wide it is drawn."""
    rows = detail.get("feature_weights", [])[:IMPORTANCE]
    names = [name for name in (rows[0] if rows else {}) if name != "feature"]
    largest = max((abs(row[names[0]]) for row in rows), default=0) or 1
    return {
        "horizons": [name.removeprefix("weight_") for name in names],
        "rows": [
            {
                "feature": row["feature"],
                "width": 100 * abs(row[names[0]]) / largest,
                "weights": [f"{row[name]:+.3f}" for name in names],
            }
            for row in rows
        ],
    }


def _importance(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The most important by gain, both models, and how much the log-loss rises when a column is shuffled."""
    rows = detail.get("feature_importance", [])[:IMPORTANCE]
    largest = max((row["gain_classifier"] for row in rows), default=0) or 1
    return [
        {
            "feature": row["feature"],
            "width": 100 * row["gain_classifier"] / largest,
            "classifier": 100 * row["gain_classifier"],
            "regressor": 100 * row["gain_regressor"],
            "permutation": detail["permutation_importance"][row["feature"]],
        }
        for row in rows
    ]


def _strip(summary: dict[str, Any], steady: Steady) -> dict[str, Any]:
    """One figure over the folds as columns from 0 or from its baseline, with how often it was on the good side."""
    unit, against = steady.unit, steady.against
    values = [(fold["first"], fold[steady.name], fold[against] if against else 0.0) for fold in summary["folds"]]
    reach = max((abs(value - base) for _, value, base in values if value is not None), default=0.0) or 1.0
    columns = []
    for first, value, base in values:
        gap = 0.0 if value is None else (value - base) / reach
        columns.append(
            {
                "first": first,
                "value": shown(value, unit),
                "base": shown(base, unit) if against and base is not None else "",
                "top": round(50 - 46 * max(gap, 0.0), 1),
                "height": round(46 * abs(gap), 1),
                "is_good": gap > 0,
            }
        )
    return {
        "label": steady.label,
        "against": "base rate" if against else "0",
        "columns": columns,
        "good": summary["stability"].get(steady.stable, sum(column["is_good"] for column in columns)),
        "of": len(columns),
    }

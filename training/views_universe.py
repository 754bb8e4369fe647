"""The page of a universe run: what was asked, how far it is, its figures beside their baselines, its files."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from boursomatic.accounts.roles import Scope, may
from boursomatic.pages import render_page
from training.models import Status, TrainingRun
from training.presenting import run_json
from training.views_describing import description_context

# Name, and in which unit it is shown: a share in percent, or a plain number.
FIGURES = (
    ("rows", "Rows", "count"),
    ("buys", "Said BUY", "count"),
    ("precision_buy", "Precision of BUY, %", "percent"),
    ("base_rate_buy", "… base rate of the same days, %", "percent"),
    ("precision_buy_positive", "Said BUY and rose at all, %", "percent"),
    ("base_rate_positive", "… base rate, %", "percent"),
    ("accuracy", "Accuracy, %", "percent"),
    ("majority_accuracy", "… of always saying the commonest, %", "percent"),
    ("rank_ic", "Rank IC by day", "number"),
    ("rmse", "RMSE of the expected return", "number"),
    ("r2", "R²", "number"),
    ("sharpe", "Sharpe ratio after costs", "number"),
    ("benchmark_sharpe", "… equal weight", "number"),
    ("excess_sharpe", "… beyond its own exposure", "number"),
    ("total_return", "Total return, %", "percent"),
    ("max_drawdown", "Maximum drawdown, %", "percent"),
    ("benchmark_max_drawdown", "… equal weight, %", "percent"),
    ("turnover", "Traded a day, % of capital", "percent"),
    ("exposure", "Mean exposure, % of capital", "percent"),
)


def show_universe(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """Page, or the fragment that polls while the run is on its way."""
    found = run_json(run)
    context = {
        "run": run,
        "found": found,
        "figures": _figures(found["metrics"]) if run.status == Status.COMPLETED else [],
        "log": run.events.order_by("at", "id"),
        "files": sorted(run.model_version.files) if run.status == Status.COMPLETED else [],
        "may_train": may(request.user, Scope.TRAIN),
        **description_context(request, run),
    }
    return render_page(request, "training/universe_run.html", "training/_universe_run.html", context)


def _figures(metrics: dict[str, dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [
        (label, [_shown(metrics[part].get(name), unit) for part in ("validation", "test")])
        for name, label, unit in FIGURES
    ]


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:,d}"
    return f"{100 * value:.1f}" if unit == "percent" else f"{value:.3f}"

"""What the page of a run is drawn from: its JSON, how far it is, tables and pictures."""

from typing import Any

from django.utils import timezone

from training import presence
from training.models import Kind, Status, TrainingRun
from training.presenting import run_detail, run_json
from training.quant.spec import RANGES
from training.report import line_plot, metric_lines, probability_scatter, split_segments

POLL_FIRST_MS = 150
POLLS_MS = ((3, 250), (15, 500), (120, 1000))  # up to so many seconds after the start, ask so often
POLL_SLOW_MS = 3000
STAGES = {
    "queued": "Waiting for a worker",
    "start": "A worker has taken it",
    "load": "Loading bars",
    "features": "Computing features",
    "fit": "Fitting, stopping early on validation",
    "refit": "Fitting again on all training rows",
    "evaluate": "Judging on the test window",
    "write": "Writing files",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def run_context(run: TrainingRun) -> dict[str, Any]:
    """Everything for `_run.html`. Queries: the run's log, and for a waiting one its place in the queue."""
    found = run_json(run)
    return {
        "run": run,
        "found": found,
        "detail": run_detail(run),
        "stage_words": STAGES.get(run.stage, run.stage),
        "settings": _settings(run),
        **(_outcome(run, found) if run.status == Status.COMPLETED else {}),
        **(_progress(run) if not run.is_terminal else {}),
    }


def _progress(run: TrainingRun) -> dict[str, Any]:
    since = (timezone.now() - run.created_at).total_seconds()
    waited = next((ms for seconds, ms in POLLS_MS if since < seconds), POLL_SLOW_MS)
    context: dict[str, Any] = {
        "poll_ms": POLL_FIRST_MS if since < 1 else waited,
        "percent": round(100 * run.progress),
        "elapsed": (timezone.now() - (run.started_at or run.created_at)).total_seconds(),
        "curve": line_plot([[loss for _, loss in run.live_curve]]),
        "rounds": run.live_curve[-1][0] if run.live_curve else None,
        "is_cancelling": run.cancel_requested_at is not None,
    }
    if run.status == Status.QUEUED:
        queued = TrainingRun.objects.existing().filter(status=Status.QUEUED)
        context["before_it"] = queued.filter(pk__lt=run.pk).count()
        context["no_worker"] = not presence.alive().exists()
    return context


def _outcome(run: TrainingRun, found: dict[str, Any]) -> dict[str, Any]:
    detail = run.detail
    performance = detail.get("performance") or {}
    curve = detail.get("curve") or []
    best_round = detail.get("best_round")
    importance = detail.get("feature_importance") or []
    largest = max((one["share"] for one in importance), default=0) or 1
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    return {
        "is_candle": run.kind == Kind.CANDLE,
        "took": took.total_seconds() if took else None,
        "lines": metric_lines(found),
        "segments": split_segments(found["splits"]),
        "curve": line_plot([curve], mark=best_round - 1 if best_round else None),
        "scatter": probability_scatter(detail.get("test_rows") or [], detail.get("best_threshold") or 0.5),
        "equity": line_plot(
            [performance[name]["equity"] for name in ("strategy", "buy_and_hold") if performance.get(name)], level=1.0
        ),
        "performance": {**performance, "rows": _performance_rows(performance)},
        "importance": [
            {**one, "percent": 100 * one["share"], "width": 100 * one["share"] / largest} for one in importance
        ],
    }


def _settings(run: TrainingRun) -> list[tuple[str, str]]:
    """What was asked for, in the words of the dialog."""
    if run.kind != Kind.CANDLE:
        return [(name, str(value)) for name, value in run.config.items()]
    numbers = [
        (f"{wanted.label} ({wanted.unit})" if wanted.unit else wanted.label, f"{run.config[name]:g}")
        for name, wanted in RANGES.items()
    ]
    rest = [
        (name.replace("_", " ").capitalize(), str(run.config[name])) for name in ("protocol", "feature_set", "seed")
    ]
    return [*numbers, *rest, *([("Live", "yes, without a test window")] if run.config["live"] else [])]


def _performance_rows(performance: dict[str, Any]) -> list[dict[str, Any]]:
    """Model and buy and hold, shares as percent."""
    return [
        {
            "name": name,
            "is_second": key == "buy_and_hold",
            "return_percent": 100 * performance[key]["total_return"],
            "drawdown_percent": 100 * performance[key]["max_drawdown"],
            "exposure_percent": 100 * performance[key]["exposure"],
            "sharpe": performance[key]["sharpe"],
        }
        for key, name in (("strategy", "Model"), ("buy_and_hold", "Buy and hold"))
        if performance.get(key)
    ]

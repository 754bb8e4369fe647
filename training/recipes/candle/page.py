"""What the page of a run is drawn from: its JSON, how far it is, tables and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from boursomatic.shared.ages import seconds_since
from training.evidence.candle import CandleVerdict, candle_verdicts
from training.evidence.findings import findings_of
from training.evidence.universe import universe_verdicts
from training.models import ACTIVE, Status, TrainingRun
from training.quant.candle.spec import (
    AFTER_NAMES,
    DECISION_NAMES,
    OPTIONAL_RANGES,
    RANGES,
    CandleSpec,
    parse_time,
)
from training.quant.candle.verdict import Verdict
from training.quant.ensemble.spec import decision_spec
from training.quant.stats.equity import session_trades, trades_of
from training.quant.universe.verdict import UniverseVerdict
from training.queue import hosts
from training.recipes.candle.as_json import candle_run_json
from training.recipes.kinds import listed_kinds
from training.recipes.sweep.as_json import SweepVerdict, sweep_verdicts
from training.runs.annotations import Annotations, annotations_of
from training.runs.as_json import run_detail
from training.web.presenters.charts import line_plot, probability_scatter, split_segments
from training.web.presenters.glossary import GLOSSARY
from training.web.presenters.metrics_table import Figure, Line, auc_figure, metric_lines, part_lines
from training.web.presenters.progress import time_left
from training.web.presenters.verdict import poll_ms, proof_context, verdict_panel_context

STAGES = {
    "queued": "Waiting for a worker",
    "start": "A worker has taken it",
    "load": "Loading bars",
    "features": "Computing features",
    "fit": "Fitting, stopping early on validation",
    "refit": "Final fit on all training rows",
    "evaluate": "Evaluating on the test window",
    "folds": "Fitting the folds of the training rows",
    "write": "Writing files",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
AROUND = 20  # candles shown before a trade
BOOKS = (("strategy", "Model"), ("buy_and_hold", "Buy and hold"))


def candle_context(run: TrainingRun) -> dict[str, Any]:
    """Everything for the page of a candle run."""
    return run_context(run, candle_settings(CandleSpec.from_dict(run.config)))


def run_context(run: TrainingRun, settings: list[tuple[str, str]]) -> dict[str, Any]:
    """Everything for `_run.html`; `settings`: what was asked for, as names and values. Queries: verdict, log, newest
    jobs, and for a waiting run its place in the queue."""
    candle_verdict = candle_verdicts([run])[run.pk]
    summary = candle_run_json(run, candle_verdict)
    return {
        "run": run,
        "summary": summary,
        "symbol": summary["symbol"],
        "subject": run_subject(run),
        "timeframe": summary["timeframe"],
        "detail": run_detail(run),
        "stage_words": STAGES.get(run.stage, run.stage),
        "settings": settings,
        **(_outcome(run, summary) | {"findings": findings_of(run)} if run.status == Status.COMPLETED else {}),
        **(verdict_panel_context(run, candle_verdict) | proof_context(run) if run.status == Status.COMPLETED else {}),
        **(_progress(run) if not run.is_terminal else {}),
    }


def run_subject(run: TrainingRun) -> str:
    """What a candle run is about, as its page is titled: `AAPL 1d, 2012-10-18`, with the hour below a day."""
    symbol, timeframe = run.config["symbol"], run.config["timeframe"]
    return f"{symbol} {timeframe}, {run.candle_at:{'%Y-%m-%d %H:%M' if timeframe in ('1h', '4h') else '%Y-%m-%d'}}"


@dataclass(frozen=True)
class RunLine:
    """A line of the list of runs."""

    run: TrainingRun
    annotations: Annotations
    verdict: Verdict | UniverseVerdict | SweepVerdict | None
    test_auc: Figure
    pooled_auc: Figure
    is_confirming: bool

    @property
    def person(self) -> str:
        return self.run.created_by.username if self.run.created_by else ""


def run_lines(runs: Sequence[TrainingRun]) -> list[RunLine]:
    """The lines of these runs, whatever their kinds; four queries, however many runs."""
    verdicts, of_many = candle_verdicts(runs), universe_verdicts(runs) | sweep_verdicts(runs)
    return [_run_line(run, verdicts[run.pk], of_many.get(run.pk)) for run in runs]


def _run_line(run: TrainingRun, of_candle: CandleVerdict, of_many: UniverseVerdict | SweepVerdict | None) -> RunLine:
    test = run.result.get("test_metrics") or {}
    undefined = test.get("undefined") or {}
    why = "no test window" if undefined.get("all") else undefined.get("auc", "")
    pooled = of_candle.verdict if of_candle.verdict and of_candle.verdict.confirmed else None
    return RunLine(
        run,
        annotations_of(run),
        of_candle.verdict or of_many,
        auc_figure(test.get("auc"), test.get("auc_interval"), why),
        auc_figure(pooled.auc, pooled.auc_interval)
        if pooled
        else Figure(None, reason="" if of_many else _unpooled(run)),
        is_confirming=of_candle.confirmation is not None and of_candle.confirmation.status in ACTIVE,
    )


def _unpooled(run: TrainingRun) -> str:
    return "not confirmed" if run.status == Status.COMPLETED and run.series_id is not None else ""


def part_context(run: TrainingRun, section: str) -> dict[str, Any]:
    """For the parts of a finished run's page that are asked for by themselves, while a job about it goes on."""
    base = {
        "run": run,
        "detail": run.detail,
        "subject": run_subject(run),
        "annotations": annotations_of(run),
        "symbol": run.config["symbol"],
        "timeframe": run.config["timeframe"],
    }
    if section == "proof":
        return base | proof_context(run)
    return base | verdict_panel_context(run, candle_verdicts([run])[run.pk])


def _progress(run: TrainingRun) -> dict[str, Any]:
    context: dict[str, Any] = {
        "poll_ms": poll_ms(run),
        "percent": round(100 * run.progress),
        "elapsed": seconds_since(run.started_at or run.created_at),
        "left": time_left(run),
        "curve": line_plot(
            {"Validation": [loss for _, loss in run.live_curve]}, [str(number) for number, _ in run.live_curve]
        ),
        "rounds": run.live_curve[-1][0] if run.live_curve else None,
        "is_cancelling": run.cancel_requested_at is not None,
    }
    if run.status == Status.QUEUED:
        queued = (
            TrainingRun.objects.existing().of_kinds(listed_kinds()).filter(status=Status.QUEUED)
        )  # jobs come after them
        context["before_it"] = queued.filter(pk__lt=run.pk).count()
        context["no_worker"] = hosts.missing(run)
    return context


def _outcome(run: TrainingRun, summary: dict[str, Any]) -> dict[str, Any]:
    detail = run.detail
    performance = detail.get("performance") or {}
    curve = detail.get("curve") or []
    best_round = detail.get("best_round")
    importance = detail.get("feature_importance") or []
    largest = max((feature["share"] for feature in importance), default=0) or 1
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    return {
        "is_candle": run.series_id is not None,
        "took": took.total_seconds() if took else None,
        "glossary": GLOSSARY,
        "load_query": load_query(run),
        "lines": metric_lines(summary),
        "parts": ("Train", "Validation", "Test"),
        "live_parts": ("Since",),
        "live_lines": _live_lines(summary["live_score"]),
        "segments": split_segments(summary["splits"], summary["config"]["gap"]),
        "curve": line_plot(
            {"Validation": curve},
            [str(number + 1) for number in range(len(curve))],
            mark=best_round - 1 if best_round else None,
        ),
        "scatter": probability_scatter(detail.get("test_rows") or [], detail.get("best_threshold") or 0.5),
        "equity": line_plot(
            {name: performance[key]["equity"] for key, name in BOOKS if performance.get(key)},
            _equity_steps(detail.get("test_rows") or []),
            level=1.0,
        ),
        "trades": trade_lines(run),
        "windows_panel": _test_windows(run, summary),
        "folds": _folds(summary, detail),
        "decides_at_open": run.series_id is not None and _decides_at_open(run),
        "performance": {**performance, "rows": _performance_rows(performance)},
        "importance_unit": "share of gain" if best_round else "share of the weights",
        "importance": [
            {**feature, "percent": 100 * feature["share"], "width": 100 * feature["share"] / largest}
            for feature in importance
        ],
    }


def _test_windows(run: TrainingRun, summary: dict[str, Any]) -> dict[str, Any] | None:
    """Several test windows, each with what all up to it say together, and the shelf life in a sentence."""
    windows, shelf_life = summary.get("window_results") or [], summary.get("shelf_life")
    if len(windows) < 2:
        return None
    lines = [
        {
            **window,
            "seen": stored["seen"],
            "figure": auc_figure(window["auc"], window["auc_interval"], "one class"),
            "pooled": _pooled(stored),
        }
        for window, stored in zip(windows, run.detail["windows"], strict=True)
    ]
    sentence = _shelf_life_sentence(lines, shelf_life)
    return {"lines": lines, "sentence": sentence, "after": AFTER_NAMES[CandleSpec.from_dict(run.config).after]}


def _shelf_life_sentence(windows: list[dict[str, Any]], shelf_life: int | str | None) -> str:
    if isinstance(shelf_life, int):
        last = windows[shelf_life - 1]["last"][:10]
        reached = f"Shelf life: {shelf_life} of {len(windows)} windows, to {last}."
        return f"{reached} Up to there the interval of all windows stays above 0.5."
    unseen = [window for window in windows if not window["seen"]]
    if not unseen:
        return "Shelf life: none shown. The search behind the settings has seen these windows: they prove nothing."
    first = "first" if len(unseen) == len(windows) else "first unseen"
    return f"Shelf life: none shown. The interval of the {first} window already reaches down to 0.5."


def _pooled(stored: dict[str, Any]) -> Figure:
    """What a window and those before it show together."""
    if stored["pooled"] is None:
        return Figure(None, reason="seen by the search" if stored["seen"] else "one class")
    return auc_figure(*stored["pooled"])


def _folds(summary: dict[str, Any], detail: dict[str, Any]) -> dict[str, Any] | None:
    """Folds of the training rows with what they say together, in a sentence; None where none were asked for."""
    folds = summary.get("fold_results")
    if not folds:
        return None
    spread, luck = detail["folds"]["auc_spread"], detail["folds"]["auc_luck"]
    among = f"The AUC of the {len(folds)} folds spreads by {spread:.3f}; folds of {folds[0]['rows']} candles spread by "
    verdict = "within luck" if detail["folds"]["is_steady"] else "beyond luck: the recipe is not as good at all times"
    return {**detail["folds"], "lines": folds, "sentence": f"{among}{luck:.3f} by luck alone. That is {verdict}."}


def _equity_steps(test_rows: list[dict[str, Any]]) -> list[str]:
    """The moment of each value of the equity, the start first."""
    return [_moment(row["timestamp"]) for row in test_rows[:1]] + [_moment(row["target"]) for row in test_rows]


def _moment(time: str) -> str:
    """A day, or with the hour where that is not midnight."""
    return time[:16].replace("T", " ").removesuffix(" 00:00")


@dataclass(frozen=True)
class TradeLine:
    """A stretch of candles that the model was long, bought and sold at opens, or a single one, bought at its open and
    sold at its close; returns are fractions after costs, `chart` is the query of the chart around it."""

    entry: str
    exit: str
    is_open: bool
    bars: int
    total_return: float
    cost: float
    worst: float
    best: float
    chart: str


def trade_lines(run: TrainingRun) -> list[TradeLine]:
    """Over the test window, from what the run has stored of it; newest last."""
    rows, performance = run.detail.get("test_rows") or [], run.detail.get("performance") or {}
    returns = (performance.get("strategy") or {}).get("returns") or []
    if len(returns) != len(rows) or not rows:
        return []
    held = np.array([row["prediction"] == 1 for row in rows])
    side = performance["cost_bp"] / 1e4
    trades = session_trades if _decides_at_open(run) else trades_of
    return [
        TradeLine(
            entry=_moment(rows[trade.first]["target"]),
            exit=_moment(rows[trade.last]["target"]),
            is_open=trade.is_open,
            bars=max(1, trade.last - trade.first + trade.is_open),
            total_return=trade.total_return,
            cost=side if trade.is_open else 2 * side,
            worst=trade.worst,
            best=trade.best,
            chart=_chart_query(run, rows[max(0, trade.first - AROUND)]["timestamp"], rows[trade.last]["target"]),
        )
        for trade in trades(held, np.array(returns))
    ]


def _decides_at_open(run: TrainingRun) -> bool:
    return decision_spec(run.config).decision == "next_open"


def _chart_query(run: TrainingRun, first: str, last: str) -> str:
    span = {"from": int(parse_time(first).timestamp()), "to": int(parse_time(last).timestamp())}
    named = {"symbol": run.config["symbol"], "timeframe": run.config["timeframe"], "models": run.run_id}
    return urlencode({**named, **span})


def load_query(run: TrainingRun) -> str:
    """The chart's query that shows this run's model at its test window, with some hundred bars before it."""
    named = {"symbol": run.config["symbol"], "timeframe": run.config["timeframe"], "models": run.run_id}
    return urlencode({**named, "range": "test"})


def _live_lines(score: dict[str, Any] | None) -> list[Line]:
    return part_lines([score["metrics"]]) if score and score["metrics"] else []


def candle_settings(spec: CandleSpec) -> list[tuple[str, str]]:
    """What was asked for, in the words of the dialog."""
    numbers = [
        (f"{setting.label} ({setting.unit})" if setting.unit else setting.label, f"{getattr(spec, name):g}")
        for name, setting in RANGES.items()
    ]
    numbers += [
        (setting.label, f"{value:g}")
        for name, setting in OPTIONAL_RANGES.items()
        if (value := getattr(spec, name)) is not None
    ]
    rest = [
        (name.replace("_", " ").capitalize(), str(getattr(spec, name)))
        for name in ("protocol", "feature_set", "model", "seed")
    ]
    rest.append(("Decision", DECISION_NAMES[spec.decision]))
    rest += [("Later test windows", AFTER_NAMES[spec.after])] if spec.windows > 1 else []
    rest += [("Folds", str(spec.folds))] if spec.folds else []
    return [*numbers, *rest, *([("Live", "yes, without a test window")] if spec.live else [])]


def _performance_rows(performance: dict[str, Any]) -> list[dict[str, Any]]:
    """Model and buy and hold, shares as percent."""
    return [
        {
            "name": name,
            "is_second": key == "buy_and_hold",
            "return_percent": 100 * performance[key]["total_return"],
            "drawdown_percent": 100 * performance[key]["max_drawdown"],
            "exposure_percent": 100 * performance[key]["exposure"],
            "turnover_percent": 100 * performance[key]["turnover"],
            "sharpe": Figure(performance[key]["sharpe"], reason="the equity never moved"),
        }
        for key, name in BOOKS
        if performance.get(key)
    ]

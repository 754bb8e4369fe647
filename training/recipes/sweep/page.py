"""What a sweep's pages are drawn from: the map of its cells, its rows pooled, and one cell."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.http import Http404
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from boursomatic.shared.ages import seconds_since
from training.evidence.trials import levels_spent, next_k
from training.models import Status, SweepCell, TrainingRun
from training.quant.candle.verdict import Label, next_trial_text, p_text
from training.quant.ensemble.spec import FEWEST
from training.quant.search.cells import Cell, pool_cells
from training.quant.search.claim import best_row_test
from training.quant.stats.classification import Z95, auc_with_interval
from training.queue import hosts
from training.recipes.candle.data import candle_series
from training.recipes.sweep.as_json import params_of, sweeps_json
from training.recipes.sweep.data import require_candles
from training.recipes.sweep.spec import SweepSpec, row_labels
from training.web.presenters.metrics_table import Figure, auc_figure
from training.web.presenters.progress import duration_text, time_left, under_way
from training.web.presenters.verdict import poll_ms

DARKEST, LIGHTEST, GREYS = 0.8, 0.2, 21  # AUCs at the ends of the scale, and its steps
ROWS_NAMED = 8  # before Start
FAILED, ONE_CLASS, WAITING = "x", "n", "w"  # of a cell without a grey


@dataclass(frozen=True)
class MapRow:
    """A row of the map: its cells as HTML, and what stands at its right."""

    place: int
    label: str
    cells: SafeString
    pooled: Figure
    candles: int
    problem: str
    is_best: bool
    ensemble: str  # address of the form that makes one of it; empty where too few of its cells came to something


def sweep_context(run: TrainingRun) -> dict[str, Any]:
    """For `sweep/_run.html`."""
    sweep, summary = SweepSpec.from_dict(run.config), sweeps_json([run])[0]
    claim = summary["claim"] or None
    return {
        **progress_context(run),
        "summary": summary,
        "sweep": sweep,
        "subject": subject(sweep),
        "heads": _heads(sweep),
        "rows": _rows(run, sweep, summary),
        "claim": claim,
        "p": p_text(claim["p_value"]) if claim and claim["p_value"] is not None else None,
        "p_better": p_text(claim["p_better"]) if claim and claim["p_better"] is not None else None,
        "spent": levels_spent() if claim and claim["label"] == Label.EVIDENCE else None,
        "scale": _scale(sweep),
        "window": sweep.window,
        "log": run.events.order_by("at", "id"),
        "took": (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None,
    }


def progress_context(run: TrainingRun) -> dict[str, Any]:
    """For `_progress.html`, which polls: how far the sweep is, and what each cell looks like."""
    sweep = SweepSpec.from_dict(run.config)
    parts = [] if run.is_terminal else list(run.parts.order_by("pk").defer("config", "result", "detail"))
    marks = "" if run.is_terminal else "".join(_marks(sweep, _outcomes(run)))
    done = sweep.cells - marks.count(WAITING)
    return {
        "run": run,
        "marks": marks,
        "done": done,
        "cells": sweep.cells,
        "percent": round(100 * done / sweep.cells),
        "poll_ms": poll_ms(run),
        "elapsed": seconds_since(run.created_at),
        "left": time_left(run, parts),
        "under_way": under_way([run]),
        "no_worker": None if run.is_terminal or parts else hosts.missing(run),
        "is_cancelling": not run.is_terminal and run.cancel_requested_at is not None,
    }


def cell_context(run: TrainingRun, number: int) -> dict[str, Any]:
    """For `_cell.html`. Raises Http404 for a cell that is not there."""
    sweep = SweepSpec.from_dict(run.config)
    stored = SweepCell.objects.filter(sweep=run, number=number).first()
    if stored is None:
        raise Http404("This cell has not been trained yet.")
    cell, place = Cell.from_bytes(bytes(stored.content)), number % len(sweep.rows)
    spec = sweep.cell(number)
    auc, interval = auc_with_interval(cell.up, cell.percentile_rank) if cell.auc is not None else (None, None)
    return {
        "run": run,
        "subject": subject(sweep),
        "number": number,
        "spec": spec,
        "day": _day(spec.candle),
        "label": row_labels(sweep)[place],
        "figure": auc_figure(auc, interval, "all its candles went the same way" if not cell.problem else ""),
        "band": _band_text(len(cell.time), int(cell.up.sum())),
        "cell": cell,
        "tested": len(cell.time),
        "rose": int(cell.up.sum()),
        "params": params_of(spec),
        "seen": bool(spec.seen_until and spec.candle < spec.seen_until),
        "seen_until": run.result.get("seen_until", "")[:10],
        "is_over": run.status == Status.COMPLETED,
        "chart": f"{reverse('backtest')}?symbol={escape(spec.symbol)}&timeframe={spec.timeframe}&candle={spec.candle}",
    }


def preview_context(sweep: SweepSpec) -> dict[str, Any]:
    """For `_preview.html`: what the sweep would take and need. Raises SpecError for candles that are none."""
    series = candle_series(sweep.rows[0])
    require_candles(series, sweep)
    return {
        "cells": sweep.cells,
        "candles": len(sweep.candles),
        "first": _day(sweep.candles[0]),
        "last": _day(sweep.candles[-1]),
        "labels": row_labels(sweep)[:ROWS_NAMED],
        "more_rows": max(0, len(sweep.rows) - ROWS_NAMED),
        "estimate": duration_text(sweep.seconds),
        "upcoming": next_trial_text(next_k(series), sweep.symbol),
        "seen": max((row.seen_until[:10] for row in sweep.rows if row.seen_until), default=""),
    }


def compared_context(run: TrainingRun, left: int, right: int) -> dict[str, Any]:
    """For `_compared.html`: two rows over the bars that both have. Chosen by eye, so it is no claim."""
    sweep = SweepSpec.from_dict(run.config)
    if max(left, right) >= len(sweep.rows) or left == right:
        return {"problem": "Choose two rows of the map."}
    stored = SweepCell.objects.filter(sweep=run, problem="").values_list("number", "content")
    rows: dict[int, list[Cell]] = {left: [], right: []}
    for number, content in stored.order_by("number"):
        place, candle = number % len(sweep.rows), sweep.candles[number // len(sweep.rows)]
        if place in rows and candle >= (sweep.rows[place].seen_until or ""):
            rows[place].append(Cell.from_bytes(bytes(content)))
    pooled = [pool_cells(rows[place]) for place in (left, right)]
    common = np.intersect1d(pooled[0].time, pooled[1].time)
    shared = [row.at(common) for row in pooled]
    if not len(common) or shared[0].up.all() or not shared[0].up.any():
        return {"problem": "These rows have no bars in common that could be ranked."}
    scores = np.array([row.percentile_rank for row in shared])
    labels = row_labels(sweep)
    return {
        "lines": [
            (labels[place], auc_figure(*auc_with_interval(row.up, row.percentile_rank)))
            for place, row in zip((left, right), shared, strict=True)
        ],
        "bars": len(common),
        "p": p_text(best_row_test(shared[0].up, scores, window=sweep.window, seed=sweep.rows[0].seed)),
        "window": sweep.window,
    }


def subject(sweep: SweepSpec) -> str:
    """AAPL 1d, 2010-01-04 to 2012-10-18."""
    first, last = _day(sweep.candles[0]), _day(sweep.candles[-1])
    return f"{sweep.symbol} {sweep.timeframe}, {first}" + (f" to {last}" if last != first else "")


def noise_half_width(rows: int, up: int) -> float | None:
    """Half of the band that holds the AUC of 95 % of such test windows without skill; the variance is (n1 + n0 + 1) /
    (12 n1 n0) (Mann & Whitney 1947). None with one class."""
    down = rows - up
    return Z95 * math.sqrt((rows + 1) / (12.0 * up * down)) if up and down else None


def _outcomes(run: TrainingRun) -> dict[int, tuple[float | None, str]]:
    """By a finished cell's number: its AUC, and why it failed."""
    stored = SweepCell.objects.filter(sweep=run).values_list("number", "auc", "problem")
    return {number: (auc, problem) for number, auc, problem in stored}


def _marks(sweep: SweepSpec, outcomes: dict[int, tuple[float | None, str]]) -> list[str]:
    """A letter for each cell: its grey, or what it is instead."""
    marks = [WAITING] * sweep.cells
    for number, (auc, problem) in outcomes.items():
        marks[number] = FAILED if problem else ONE_CLASS if auc is None else _grey(auc)
    return marks


def _grey(auc: float) -> str:
    """a, the lightest, to u."""
    share = (min(max(auc, LIGHTEST), DARKEST) - LIGHTEST) / (DARKEST - LIGHTEST)
    return "ABCDEFGHIJKLMNOPQRSTU"[round(share * (GREYS - 1))]


def _rows(run: TrainingRun, sweep: SweepSpec, summary: dict[str, Any]) -> list[MapRow]:
    outcomes = _outcomes(run)
    marks, titles = _marks(sweep, outcomes), {number: _outcome_text(*outcome) for number, outcome in outcomes.items()}
    address, days = f"/runs/{run.run_id}/cells/", [_day(candle) for candle in sweep.candles]
    labels, pooled = row_labels(sweep), summary["rows"] or [None] * len(sweep.rows)
    best = summary["claim"]["row"] if summary["claim"] else None
    rows = []
    for place, (label, result) in enumerate(zip(labels, pooled, strict=True)):
        since, name, cells = sweep.rows[place].seen_until or "", escape(label), []
        for column, day in enumerate(days):
            number = column * len(sweep.rows) + place
            seen = " is-seen" if sweep.candles[column] < since else ""
            title = f"{day}, {name}: {titles.get(number, 'waiting')}"
            cells.append(
                f'<td><a class="cell c{marks[number]}{seen}" href="{address}{number}" title="{title}"></a></td>'
            )
        figure = auc_figure(result["auc"], result["auc_interval"], "nothing to rank") if result else Figure(None)
        rows.append(
            MapRow(
                place=place,
                label=label,
                cells=mark_safe("".join(cells)),  # numbers, days and escaped texts
                pooled=figure,
                candles=result["candles"] if result else 0,
                problem=result["problem"] if result else "",
                is_best=place == best,
                ensemble=_ensemble_address(run, place, outcomes),
            )
        )
    return rows


def _ensemble_address(run: TrainingRun, place: int, outcomes: dict[int, tuple[float | None, str]]) -> str:
    if run.status != Status.COMPLETED:  # then all cells have an outcome
        return ""
    trained = sum(not outcomes[number][1] for number in range(place, len(outcomes), len(run.config["rows"])))
    if trained < FEWEST:
        return ""
    return f"{reverse('ensemble-new')}?sweep_id={run.run_id}&row={place}"


def _outcome_text(auc: float | None, problem: str) -> str:
    return escape(problem) if problem else "all candles went the same way" if auc is None else f"AUC {auc:.2f}"


def _heads(sweep: SweepSpec) -> list[tuple[int, str]]:
    """Above the columns: (how many, the year that they are of, or the month where all are of few)."""
    length = 4 if sweep.candles[0][:4] != sweep.candles[-1][:4] else 7
    heads: list[tuple[int, str]] = []
    for candle in sweep.candles:
        period = candle[:length]
        if heads and heads[-1][1] == period:
            heads[-1] = (heads[-1][0] + 1, period)
        else:
            heads.append((1, period))
    return heads


def _scale(sweep: SweepSpec) -> dict[str, Any]:
    """The legend: each grey, and the noise band of a test window half of whose candles rise."""
    rows = sweep.rows[0].test_window_size
    half = noise_half_width(rows, rows // 2) or 0.0
    low, high = ((bound - LIGHTEST) / (DARKEST - LIGHTEST) for bound in (0.5 - half, 0.5 + half))
    return {
        "greys": "ABCDEFGHIJKLMNOPQRSTU",
        "low": f"{LIGHTEST:.1f}",
        "high": f"{DARKEST:.1f}",
        "half": f"{half:.2f}",
        "rows": rows,
        "band_x": round(100 * max(0.0, low), 1),
        "band_width": round(100 * (min(1.0, high) - max(0.0, low)), 1),
    }


def _band_text(rows: int, up: int) -> str:
    half = noise_half_width(rows, up)
    return f"{0.5 - half:.2f} to {0.5 + half:.2f}" if half else ""


def _day(candle: str) -> str:
    """2016-06-15, with the hour where it has one."""
    return candle[:10] if candle.endswith("T00:00:00Z") else f"{candle[:10]} {candle[11:16]}"


def csv_lines(run: TrainingRun, sweep: SweepSpec) -> list[list[object]]:
    """A line for each finished cell, below a heading."""
    names = sorted({name for row in sweep.rows for name in params_of(row)})
    settings = ("candle", "train_years", "feature_set", "test_window_size")
    lines: list[list[object]] = [[*settings, *names, "auc", "test_rows", "status", "problem"]]
    stored = SweepCell.objects.filter(sweep=run).values_list("number", "auc", "rows", "problem")
    for number, auc, rows, problem in stored.order_by("number"):
        spec = sweep.cell(number)
        params, own = params_of(spec), [getattr(spec, name) for name in settings]
        lines.append(
            [*own, *(params.get(name) for name in names), auc, rows, "failed" if problem else "completed", problem]
        )
    return lines

"""What the pages of a study are drawn from: how far it is, what was taken, its pictures, and its trials as a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boursomatic.shared.ages import seconds_since
from boursomatic.shared.tables import BY_VALUE, Column, Table, TableName
from training.evidence.candle import candle_verdicts
from training.models import Status, StudyTrial, TrainingRun
from training.quant.candle.spec import SEARCHED_RANGES
from training.quant.candle.verdict import p_text
from training.quant.search.names import FOUND, LINEAR, NO_GAIN, SECONDS, STEADY, STOPPED, TRIALS, YOURS
from training.queue import hosts
from training.recipes.candle.page import candle_settings, run_subject
from training.recipes.study.as_json import study_json
from training.recipes.study.spec import StudySpec, rotated_twin
from training.runs.as_json import run_detail
from training.web.presenters.charts import Plot, line_plot
from training.web.presenters.metrics_table import auc_figure
from training.web.presenters.verdict import poll_ms

BEST_SHARE = 0.1  # of the trials stand out in the picture of all
WIDTH, HEIGHT, EDGE = 100, 220, 8  # of that picture: across per cent, down pixels
COLUMN_NAMES = {YOURS: "Yours", FOUND: "Best found", STEADY: "Steady"}
ENDINGS = {
    STOPPED: "stopped by hand",
    SECONDS: "stopped by its time",
    TRIALS: "all search trials",
    NO_GAIN: "stopped after 25 without gain",
}


@dataclass(frozen=True)
class ParamLine:
    """A parameter's values of the user, the best trial and `steady`, as text, "–" where it isn't used; `yours` and
    `taken` are places between its bounds, per cent, None where it isn't used."""

    label: str
    texts: tuple[str, ...]
    yours: float | None
    taken: float | None


@dataclass(frozen=True)
class Axis:
    """A parameter in the picture of all trials: `x` per cent across, its bounds as text."""

    label: str
    x: float
    low: str
    high: str


@dataclass(frozen=True)
class TrialPath:
    points: str
    title: str
    is_best: bool


@dataclass(frozen=True)
class ParallelCoordinates:
    """Each trial as a line across axes of its parameters and its log-loss, the better ones last, on top."""

    axes: tuple[Axis, ...]
    paths: tuple[TrialPath, ...]
    best: int
    width: int = WIDTH
    height: int = HEIGHT


def study_context(run: TrainingRun) -> dict[str, Any]:
    """For the page and the dialog. Queries: its trials, its log, and for a waiting study its place in the queue."""
    summary = study_json(run)
    rows = StudyTrial.objects.filter(study=run).order_by("number")
    trials = list(rows if run.is_terminal else rows.defer("params", "folds"))  # a poll draws the curve alone
    user = trials[0].inner if trials else None
    context: dict[str, Any] = {
        "run": run,
        "summary": summary,
        "subject": run_subject(run),
        "trials": trials,
        "best_so_far": best_plot(trials, level=user),
        "best": min((trial.inner for trial in trials if trial.inner is not None), default=None),
        "yours": user,
    }
    if run.status == Status.COMPLETED:
        return context | _outcome(run, summary, trials)
    return context | ({} if run.is_terminal else _progress(run, summary))


def record_context(run: TrainingRun) -> dict[str, Any]:
    """What was asked for, and the log."""
    config = run.config
    own = [
        ("Search trials at most", str(config["trials"])),
        ("Seconds at most", "–" if config["seconds"] is None else str(config["seconds"])),
        ("Folds", str(config["folds"])),
        ("Parameters searched", ", ".join(SEARCHED_RANGES[name].label for name in config["space"])),
    ]
    own += [("Labels", "rotated in time")] if config["rotated"] else []
    return {"settings": [*own, *candle_settings(StudySpec.from_dict(run.config).run)], "detail": run_detail(run)}


def taken_context(study: TrainingRun) -> dict[str, Any]:
    """For `_taken.html`, of a completed study: yours, the best and `steady` side by side."""
    result = study.result
    parts = {YOURS: result["user"], FOUND: result["best"], STEADY: result["steady"]}
    return {
        "sentence": result["sentence"],
        "headings": [(COLUMN_NAMES[name], name == result["taken"]) for name in COLUMN_NAMES],
        "lines": _param_lines(list(parts.values()), result["taken"]),
        "inner": [_figure(part["inner"] if part else None, 4) for part in parts.values()],
        "auc": [_figure(part["auc"] if part else None, 3) for part in parts.values()],
        "is_kept": result["taken"] == YOURS,
        "seen_until": result["seen_until"][:10],
    }


def noise_context(run: TrainingRun) -> dict[str, Any]:
    """For `_noise.html`: the same study on rotated labels, where somebody asked for it. One query."""
    spec = rotated_twin(StudySpec.from_dict(run.config), trials=run.result["trials"])
    twins = TrainingRun.objects.existing().filter(kind=run.kind, params_hash=spec.params_hash())
    twin = twins.order_by("-id").first()
    rows = [("This study", run.result)] + ([("Labels rotated", twin.result)] if twin and twin.result else [])
    return {
        "run": run,
        "twin": twin,
        "noise_rows": [_noise_row(name, result) for name, result in rows],
        "noise_poll_ms": poll_ms(twin) if twin and not twin.is_terminal else None,
    }


def started_context(run: TrainingRun) -> dict[str, Any]:
    """For `_started.html`: the run that it started, and what unseen candles say of it. Two queries."""
    runs = TrainingRun.objects.existing().select_related("series__instrument")
    started = runs.filter(run_id=run.result.get("run_id")).first() if run.result.get("run_id") else None
    context: dict[str, Any] = {"run": run, "started": started}
    if started is None or started.status != Status.COMPLETED:
        polls = started is not None and not started.is_terminal
        return context | {"started_poll_ms": poll_ms(started) if started and polls else None}
    judged = candle_verdicts([started])[started.pk]
    verdict, job = judged.verdict, judged.confirmation
    is_confirming = job is not None and not job.is_terminal
    return context | {
        "verdict": verdict,
        "unseen": auc_figure(verdict.auc, verdict.auc_interval) if verdict and verdict.confirmed else None,
        "p": p_text(verdict.p_value) if verdict and verdict.p_value is not None else None,
        "is_confirming": is_confirming,
        "started_poll_ms": poll_ms(job) if job and is_confirming else None,
    }


def best_plot(trials: Sequence[StudyTrial], *, level: float | None) -> Plot | None:
    """The lowest log-loss up to each trial, the user's across. None with fewer than two."""
    best, lowest = [], math.nan
    for trial in trials:
        if trial.inner is not None and not trial.inner >= lowest:
            lowest = trial.inner
        best.append(lowest)
    return line_plot({"Best so far": best}, [str(trial.number + 1) for trial in trials], level=level, places=4)


def parallel_coordinates(
    trials: Sequence[StudyTrial], space: Mapping[str, Sequence[float]]
) -> ParallelCoordinates | None:
    """None with fewer than two trials that have a figure."""
    scored = [trial for trial in trials if trial.inner is not None]
    if len(scored) < 2:
        return None
    losses = [trial.inner or 0.0 for trial in scored]
    bounds = {name: (low, high) for name, (low, high) in space.items()} | {"inner": (max(losses), min(losses))}
    names = list(bounds)
    labels = {name: SEARCHED_RANGES[name].label for name in space} | {"inner": "Log-loss"}
    across = {name: _x(place, len(names)) for place, name in enumerate(names)}
    best = max(1, round(BEST_SHARE * len(scored)))
    ranked = sorted(scored, key=lambda trial: trial.inner or 0.0, reverse=True)
    paths = [
        TrialPath(
            points=" ".join(
                f"{across[name]},{_y(_share(name, value, bounds[name]))}"
                for name in names
                if (value := trial.inner if name == "inner" else trial.params.get(name)) is not None
            ),
            title=f"Search trial {trial.number + 1}: log-loss {trial.inner:.4f}",
            is_best=place >= len(ranked) - best,
        )
        for place, trial in enumerate(ranked)
    ]
    axes = [Axis(labels[n], across[n], f"{low:.4g}", f"{high:.4g}") for n, (low, high) in bounds.items()]
    return ParallelCoordinates(tuple(axes), tuple(paths), best)


def search_trials_table(space: Mapping[str, Any], folds: int) -> Table[StudyTrial]:
    """Columns for the parameters of `space` and for each of so many folds."""
    return Table[StudyTrial](
        name=TableName.SEARCH_TRIALS,
        columns=(
            Column("number", "Search trial", lambda trial: trial.number + 1, sort=BY_VALUE, is_number=True),
            Column("inner", "Log-loss", lambda trial: trial.inner, sort=BY_VALUE, is_number=True),
            Column("auc", "AUC", lambda trial: trial.auc, sort=BY_VALUE, is_number=True),
            *(_param_column(name) for name in space),
            Column("rounds", "Rounds", lambda trial: trial.rounds, sort=BY_VALUE, is_number=True),
            *(_fold_column(number, "log_loss", f"Fold {number + 1}") for number in range(folds)),
            Column("seconds", "Seconds", lambda trial: round(trial.seconds, 3), sort=BY_VALUE, is_number=True),
        ),
        more=(
            *(_fold_column(number, "auc", f"Fold {number + 1}, AUC") for number in range(folds)),
            Column("state", "State", lambda trial: trial.state),
        ),
        order="number",
    )


def search_trial_cells(table: Table[StudyTrial], trial: StudyTrial, shown: frozenset[str]) -> list[tuple[bool, str]]:
    """Whether a column is of numbers, and the text in it, of the columns that are shown."""
    cells = []
    for column in table.columns:
        if column.name in shown and column.value:
            value = column.value(trial)
            is_figure = isinstance(value, float) and column.name not in SEARCHED_RANGES
            cells.append((column.is_number, "–" if value is None else f"{value:.4f}" if is_figure else f"{value:.4g}"))
    return cells


def _progress(run: TrainingRun, summary: Mapping[str, Any]) -> dict[str, Any]:
    left = summary["seconds_left"]
    return {
        "poll_ms": poll_ms(run),
        "percent": round(100 * run.progress),
        "elapsed": seconds_since(run.started_at or run.created_at),
        "left": math.ceil(left) if left is not None else None,
        "no_worker": hosts.missing(run) if run.status == Status.QUEUED else None,
        "is_cancelling": run.cancel_requested_at is not None,
        "is_stopping": run.stop_requested_at is not None,
    }


def _outcome(run: TrainingRun, summary: Mapping[str, Any], trials: Sequence[StudyTrial]) -> dict[str, Any]:
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    largest = max(summary["importance"].values(), default=0) or 1
    return {
        "took": took.total_seconds() if took else None,
        "ending": ENDINGS[summary["ended_by"]],
        "taken": taken_context(run),
        "parallel": parallel_coordinates(trials, run.config["space"]),
        "importance": [
            {"label": SEARCHED_RANGES[name].label, "percent": 100 * share, "width": 100 * share / largest}
            for name, share in sorted(summary["importance"].items(), key=lambda item: -item[1])
        ],
    }


def _param_lines(parts: Sequence[Mapping[str, Any] | None], taken: str) -> list[ParamLine]:
    """Of every parameter that a search may change, in the order of the form."""
    lines = []
    for name, setting in SEARCHED_RANGES.items():
        values = [part["params"].get(name) if part else None for part in parts]
        if any(value is not None for value in values):
            places = [
                None if value is None else round(100 * _share(name, value, (setting.low, setting.high)), 1)
                for value in values
            ]
            texts = tuple("–" if value is None else f"{value:.4g}" for value in values)
            lines.append(ParamLine(setting.label, texts, places[0], places[list(COLUMN_NAMES).index(taken)]))
    return lines


def _noise_row(name: str, result: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Log-loss of the user's values and of the best, how much less that is, and the best one's AUC."""
    user, best = result["user"]["inner"], result["best"] or {"inner": None, "auc": None}
    gain = user - best["inner"] if user is not None and best["inner"] is not None else None
    return name, _figure(user, 4), _figure(best["inner"], 4), _figure(gain, 4), _figure(best["auc"], 3)


def _param_column(name: str) -> Column[StudyTrial]:
    return Column(
        name, SEARCHED_RANGES[name].label, lambda trial: trial.params.get(name), sort=BY_VALUE, is_number=True
    )


def _fold_column(number: int, figure: str, heading: str) -> Column[StudyTrial]:
    name = f"fold_{number + 1}" + ("" if figure == "log_loss" else f"_{figure}")
    return Column(
        name,
        heading,
        lambda trial: trial.folds[number][figure] if number < len(trial.folds) else None,
        sort=BY_VALUE,
        is_number=True,
    )


def _share(name: str, value: float, bounds: tuple[float, float]) -> float:
    """Where it lies between its bounds, 0 to 1, on the scale that it is searched on."""
    low, high = bounds
    if name not in LINEAR and name != "inner":
        value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
    return min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))


def _x(place: int, count: int) -> float:
    return round(WIDTH * (place + 0.5) / count, 2)


def _y(share: float) -> float:
    return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share, 1)


def _figure(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"

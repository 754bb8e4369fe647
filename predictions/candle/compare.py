"""Two to eight runs side by side: what differs, how they did, and whether the difference could be luck."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np

from predictions.candle.answers import performance_answer
from predictions.candle.ask import CandlePredictions, NotReady, ask, iso_times
from training.errors import RunRefused
from training.evidence.candle import candle_verdicts
from training.models import ACTIVE, Status, TrainingRun
from training.quant.ensemble.spec import series_spec
from training.quant.stats.classification import auc_with_interval
from training.quant.stats.multiple_testing import holm_adjusted
from training.quant.stats.paired import paired_auc_test
from training.recipes.kinds import listed_kinds
from training.web.presenters.charts import Plot, line_plot
from training.web.presenters.metrics_table import Figure, Line, auc_figure, part_lines

FEWEST, MOST = 2, 8
MODEL_STYLES = tuple(f"model-line-{place}" for place in range(MOST))  # one for each run, in order
HIDDEN = ("confirm",)  # says what is done afterwards, not how it is trained


class NotComparable(Exception):
    """Why these runs can't stand side by side, in a sentence."""


class NotYetComparable(NotComparable):
    """Some of them are still on their way."""


@dataclass(frozen=True)
class Against:
    """AUC on the common candles, its distance from the first run's, and how often luck gives as much.

    `adjusted`: by Holm over the runs that are held against the first.
    """

    figure: Figure
    difference: float | None = None
    p_value: float | None = None
    adjusted: float | None = None


@dataclass(frozen=True)
class Comparison:
    runs: list[TrainingRun]
    settings: list[tuple[str, list[str]]]  # only those that differ
    verdicts: list[str]
    lines: list[Line]  # of the test windows, one figure for each run
    common: "Common | None"
    why_not: str  # where there are no common candles


@dataclass(frozen=True)
class Common:
    """The candles that none of the models was made of and whose outcome is known."""

    rows: int
    first: str
    last: str
    against: list[Against]
    probabilities: Plot | None
    equity: Plot | None


def comparable_runs(names: Sequence[str]) -> list[TrainingRun]:
    """The runs in the order they are named. Raises NotComparable."""
    run_ids = list(dict.fromkeys(filter(None, names)))
    if not FEWEST <= len(run_ids) <= MOST:
        raise NotComparable(f"Choose {FEWEST} to {MOST} runs to compare; {len(run_ids)} were named.")
    rows = TrainingRun.objects.existing().of_kinds(listed_kinds()).filter(run_id__in=run_ids)
    runs = {run.run_id: run for run in rows.select_related("series__instrument", "created_by", "description")}
    for name in run_ids:
        if name not in runs:
            raise NotComparable(f"There is no run {name}; it may have been deleted.")
        if runs[name].universe:
            raise NotComparable(f"Run {name} is of a universe: only candle runs can be compared.")
        if runs[name].status in ACTIVE:
            raise NotYetComparable(f"Run {name} is {runs[name].status}. This page shows them once all are there.")
        if runs[name].status != Status.COMPLETED:
            raise NotComparable(f"Run {name} is {runs[name].status}: only completed runs can be compared.")
    return [runs[name] for name in run_ids]


def compare(runs: list[TrainingRun]) -> Comparison:
    verdict_of = candle_verdicts(runs)
    verdicts = [verdict_of[run.pk].verdict for run in runs]
    common, why_not = None, ""
    if len({run.series_id for run in runs}) > 1:
        why_not = "They are of different series, so they have no candles in common."
    elif len({series_spec(run.config).decision for run in runs}) > 1:
        why_not = "Some decide at the close and some at the next open, so they don't predict the same."
    else:
        try:
            common = _common([ask(run=run, series=None, start=None, end=None) for run in runs])
        except (NotReady, RunRefused) as error:
            why_not = str(error)
        else:
            why_not = "" if common else "No candle after the training of all of them has an outcome yet."
    return Comparison(
        runs=runs,
        settings=_differing(runs),
        verdicts=[verdict.label.replace("_", " ") if verdict else "" for verdict in verdicts],
        lines=part_lines([run.result["test_metrics"] for run in runs]),
        common=common,
        why_not=why_not,
    )


def _differing(runs: list[TrainingRun]) -> list[tuple[str, list[str]]]:
    configs = [series_spec(run.config).as_dict() for run in runs]
    names = [name for name in reduce(or_, configs) if name not in HIDDEN]
    table = [(name.replace("_", " ").capitalize(), [_words(config.get(name)) for config in configs]) for name in names]
    return [(name, values) for name, values in table if len(set(values)) > 1]


def _words(value: object) -> str:
    """A setting; of members how many, and a dash where a run has no such setting."""
    if value is None or isinstance(value, list):
        return str(len(value)) if value else "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _common(compared: list[CandlePredictions]) -> Common | None:
    """By time: a run of the first rule has stale bars among its candles, others have not. Outcomes are today's."""
    times = reduce(np.intersect1d, [candles.bars.time[candles.evaluated] for candles in compared])
    if not len(times):
        return None
    rows = [np.searchsorted(candles.bars.time, times) for candles in compared]
    newest = max(range(len(compared)), key=lambda place: not compared[place].by_first_rule)
    up = compared[newest].up[rows[newest]]
    scores = [candles.output.probability[own] for candles, own in zip(compared, rows, strict=True)]
    first, last = iso_times(times[[0, -1]])
    names = [candles.run.run_id for candles in compared]
    equities = [_equity(candles, int(own[0])) for candles, own in zip(compared, rows, strict=True)]
    return Common(
        rows=len(times),
        first=first,
        last=last,
        against=_against(up, scores),
        probabilities=line_plot(
            {name: score.tolist() for name, score in zip(names, scores, strict=True)},
            _steps(times),
            styles=MODEL_STYLES,
        ),
        equity=line_plot(
            dict(zip(names, equities, strict=True)),
            _steps(compared[0].bars.time[rows[0][0] :]),
            styles=MODEL_STYLES,
            level=1.0,
        ),
    )


def _against(up: np.ndarray, scores: list[np.ndarray]) -> list[Against]:
    if up.min() == up.max():
        return [Against(Figure(None, reason="all candles went the same way")) for _ in scores]
    figures = [auc_figure(*auc_with_interval(up, score)) for score in scores]
    tests = [paired_auc_test(up, scores[0], score) for score in scores[1:]]
    adjusted = holm_adjusted([test.p_value if test else None for test in tests])
    return [Against(figures[0])] + [
        Against(figure, test.difference, test.p_value, float(p_adjusted)) if test else Against(figure)
        for figure, test, p_adjusted in zip(figures[1:], tests, adjusted, strict=True)
    ]


def _steps(times: np.ndarray) -> list[str]:
    return [moment[:16].replace("T", " ").removesuffix(" 00:00") for moment in iso_times(times)]


def _equity(predicted: CandlePredictions, first: int) -> list[float]:
    """Of following one model at its own threshold from a common candle on."""
    performance = performance_answer(predicted, predicted.model.threshold)
    start = int(np.searchsorted(performance["epoch"], int(predicted.bars.time[first])))
    equity = np.array(performance["strategy"]["equity"][start:])
    return [float(value) for value in equity / equity[0]]


def comparison_rows(comparison: Comparison) -> list[list[object]]:
    """One column for each run."""
    rows: list[list[object]] = [
        ["", *(run.run_id for run in comparison.runs)],
        ["Instrument", *(run.config["symbol"] for run in comparison.runs)],
        *(list[object]([name, *values]) for name, values in comparison.settings),
        ["Verdict", *comparison.verdicts],
    ]
    for line in comparison.lines:
        rows.append([f"Test: {line.label}", *(figure.value for figure in line.figures)])
        if any(figure.low is not None for figure in line.figures):
            rows.append([f"Test: {line.label}, low", *(figure.low for figure in line.figures)])
            rows.append([f"Test: {line.label}, high", *(figure.high for figure in line.figures)])
    if comparison.common:
        against = comparison.common.against
        rows += [
            [f"Common candles: AUC of {comparison.common.rows}", *(difference.figure.value for difference in against)],
            ["Common candles: difference from the first", *(difference.difference for difference in against)],
            ["Common candles: p", *(difference.p_value for difference in against)],
            ["Common candles: adjusted p (Holm)", *(difference.adjusted for difference in against)],
        ]
    return rows

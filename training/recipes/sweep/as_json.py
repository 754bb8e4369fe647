"""Sweeps as JSON: what `sweep` prints, API and pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from boursomatic.shared.records import NOTHING, to_json
from training.evidence.trials import counted_of
from training.models import Status, SweepCell, TrainingRun, Trial
from training.quant.candle.spec import OPTIONAL_RANGES, RANGES, CandleSpec
from training.quant.search.claim import is_one_better
from training.quant.search.verdict import Claims, sweep_sentence
from training.recipes.head import run_head
from training.recipes.sweep.schema import (
    Sweep,
    SweepCells,
    SweepClaim,
    SweepConfig,
    SweepResult,
    SweepRow,
    SweepRun,
)
from training.recipes.sweep.spec import SweepSpec, row_labels, varied

NO_CLAIM = SweepClaim(p_value=None, row=None, label=None, level=None, trial=None, largest=None, p_better=None, bars=0)


def sweeps_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """Without cells. One query for all trials together, and one for the counts of cells."""
    trials = Trial.objects.in_bulk({run.trial_id for run in runs if run.trial_id})
    cells = SweepCell.objects.filter(sweep__in=runs).order_by().values_list("sweep_id")
    counts = {
        pk: (done, failed)
        for pk, done, failed in cells.annotate(done=Count("pk"), failed=Count("pk", filter=~Q(problem="")))
    }
    return [to_json(_answer(run, trials.get(run.trial_id or 0), *counts.get(run.pk, (0, 0)))) for run in runs]


@dataclass(frozen=True)
class SweepVerdict:
    """What lists show of a sweep's claim."""

    label: str
    sentence: str
    p_value: float | None
    trial: int


def sweep_verdicts(runs: Sequence[TrainingRun]) -> dict[int, SweepVerdict]:
    """Of those that have a claim, by their id. One query, none where there is no sweep among them."""
    sweeps = [run for run in runs if run.kind == SweepSpec.kind and run.result and run.trial_id]
    trials = Trial.objects.in_bulk({run.trial_id for run in sweeps})
    verdicts = {}
    for run in sweeps:
        trial, result = trials[run.trial_id or 0], SweepResult.read(run.result)
        sentence = _sentence(SweepSpec.from_dict(run.config), result, _claim(result, trial), trial)
        verdicts[run.pk] = SweepVerdict(str(trial.label), sentence, trial.p_value, trial.k)
    return verdicts


def sweep_json(run: TrainingRun) -> dict[str, Any]:
    """One sweep with its cells: the answer of GET /api/training/sweeps/{id}."""
    summary = sweeps_json([run])[0]
    names = ("status", "progress", "symbol", "timeframe", "seen_until", "sentence", "error")
    answer = Sweep(
        sweep_id=run.run_id,
        cells=_cells(run, SweepSpec.from_dict(run.config)),
        rows=summary["rows"] or [],
        claim=summary["claim"] or NO_CLAIM,
        **{name: summary[name] for name in names},
    )
    return dict(to_json(answer))


def params_of(row: CandleSpec) -> dict[str, float]:
    """In the shape of the API's `params`."""
    params = {name: getattr(row, name) for name, r in RANGES.items() if r.in_params}
    return params | {name: getattr(row, name) for name in OPTIONAL_RANGES if getattr(row, name) is not None}


def _answer(run: TrainingRun, trial: Trial | None, done: int, failed: int) -> SweepRun:
    sweep, head = SweepSpec.from_dict(run.config), run_head(run)
    if run.status == Status.QUEUED:
        head |= {"progress": 0.98 * done / sweep.cells, "message": f"{done:,} of {sweep.cells:,} cells are done"}
    result = SweepResult.read(run.result) if run.result else None
    claim = _claim(result, trial) if result and trial else None
    return SweepRun(
        **head,
        candle_date=sweep.candles[-1],
        symbol=sweep.symbol,
        timeframe=sweep.timeframe,
        config=SweepConfig(
            candles=len(sweep.candles),
            first=sweep.candles[0],
            last=sweep.candles[-1],
            protocol=sweep.rows[0].protocol,
            model=sweep.rows[0].model,
        ),
        cells_done=done,
        cells_failed=failed,
        rows=_rows(sweep, result) if result else NOTHING,
        claim=claim or NOTHING,
        seen_until=result.seen_until if result else None,
        data_hash=result.data_hash if result else None,
        sentence=_sentence(sweep, result, claim, trial) if result and trial and claim else "",
    )


def _rows(sweep: SweepSpec, result: SweepResult) -> list[SweepRow]:
    labels = row_labels(sweep)
    return [
        SweepRow(
            **to_json(own),
            label=label,
            train_years=row.train_years,
            params=params_of(row),
            feature_set=row.feature_set,
            test_window_size=row.test_window_size,
            seen_until=row.seen_until,
        )
        for row, label, own in zip(sweep.rows, labels, result.rows, strict=True)
    ]


def _claim(result: SweepResult, trial: Trial) -> SweepClaim:
    """A row is named only by both claims: PROTOCOL §7.4. The p-value is the trial's, fixed when it was made."""
    is_better = is_one_better(p_value=trial.p_value, p_better=result.p_better, level=trial.level)
    return SweepClaim(
        p_value=trial.p_value,
        row=result.largest if is_better else None,
        label=str(trial.label),
        level=trial.level,
        trial=trial.k,
        largest=result.largest,
        p_better=result.p_better,
        bars=result.bars,
    )


def _sentence(sweep: SweepSpec, result: SweepResult, claim: SweepClaim, trial: Trial) -> str:
    claims, largest = None, claim.largest
    if largest is not None and claim.p_value is not None:
        auc = result.rows[largest].auc
        assert auc is not None  # it has the largest
        claims = Claims(row_labels(sweep)[largest], auc, claim.p_value, claim.p_better, claim.row is not None)
    return sweep_sentence(
        claims,
        what=varied(sweep),
        candles=result.rows[largest or 0].candles,
        seen=[row.seen_until[:10] for row in sweep.rows if row.seen_until],
        counted=counted_of(trial),
        on=sweep.symbol,
    )


def _cells(run: TrainingRun, sweep: SweepSpec) -> SweepCells:
    rows, candles = [*sweep.rows] * len(sweep.candles), [c for c in sweep.candles for _ in sweep.rows]
    stored = SweepCell.objects.filter(sweep=run).values_list("number", "auc", "rows", "problem")
    outcomes = {number: (auc, tested, problem) for number, auc, tested, problem in stored}
    waiting = (None, 0, "")
    auc, tested, problems = zip(*(outcomes.get(number, waiting) for number in range(sweep.cells)), strict=True)
    return SweepCells(
        candle=candles,
        train_years=[row.train_years for row in rows],
        params=[params_of(row) for row in sweep.rows] * len(sweep.candles),
        feature_set=[row.feature_set for row in rows],
        test_window_size=[row.test_window_size for row in rows],
        auc=list(auc),
        rows=list(tested),
        status=[
            "failed" if problems[number] else "completed" if number in outcomes else "waiting"
            for number in range(sweep.cells)
        ],
        problem=list(problems),
        seen=[bool(row.seen_until and candle < row.seen_until) for candle, row in zip(candles, rows, strict=True)],
    )

"""Runs that can be members of an ensemble, and what it takes of each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from training.models import Status, TrainingRun
from training.quant.candle.spec import CandleSpec, SpecError, format_time
from training.quant.ensemble.spec import EnsembleSpec, Member, ensemble_of, parse_ensemble_request
from training.recipes.candle.data import candle_data
from training.recipes.candle.recipe import RECIPE as CANDLE
from training.recipes.confirmation.recipe import RECIPE as CONFIRMATION
from training.recipes.ensemble.row import row_ensemble, row_of_request


def parse_ensemble(data: Any) -> EnsembleSpec:
    """The API's body as an EnsembleSpec. Raises SpecError naming the run or the row that won't do, and why."""
    run_ids, how = parse_ensemble_request(data)
    if run_ids is None:
        return row_ensemble(*row_of_request(data), how)
    runs = member_runs(run_ids)
    return ensemble_of([_member(runs[name]) for name in run_ids], how)


def member_runs(run_ids: Sequence[str]) -> dict[str, TrainingRun]:
    """Completed candle runs by name, with their models. Raises SpecError."""
    rows = (
        TrainingRun.objects.existing().filter(run_id__in=run_ids).select_related("model_version", "series__instrument")
    )
    runs = {run.run_id: run for run in rows}
    problems = [problem for name in run_ids if (problem := _problem(name[:40], runs.get(name)))]
    if problems:
        raise SpecError({"run_ids": problems})
    return runs


def _problem(name: str, run: TrainingRun | None) -> str:
    if run is None:
        return f"There is no run {name}; it may have been deleted."
    if run.kind != CANDLE.kind:
        return f"Run {name} is no candle run: only those can be members."
    if run.status != Status.COMPLETED:
        return f"Run {name} is {run.status}: only completed runs have a model."
    return ""


def _member(run: TrainingRun) -> Member:
    spec = CandleSpec.from_dict(run.config)
    return Member(
        run_id=run.run_id,
        spec=spec,
        params_hash=run.params_hash,
        data_hash=run.result["data_hash"],
        model_hash=run.result["model_hash"],
        seen_until=max(_last_test_outcome(run, spec), format_time(run.seen_until) if run.seen_until else ""),
    )


def _last_test_outcome(run: TrainingRun, spec: CandleSpec) -> str:
    """That of its test windows, as far as they have come; of a run that was confirmed later that of the last window, or
    a later one."""
    assert run.series is not None
    confirmation = run.jobs.filter(kind=CONFIRMATION.kind, status=Status.COMPLETED).order_by("-id").first()
    windows = confirmation.result["windows"] if confirmation else []
    judged_at = max([spec.candle, *(window["decision"] for window in windows)])
    newest = candle_data(run.series, replace(spec, candle=judged_at)).bars.time[-1]
    return format_time(datetime.fromtimestamp(int(newest), tz=UTC))

"""A candle run carried out: load, train, judge, and what it leaves behind."""

from collections.abc import Callable
from dataclasses import replace

from instruments.calendars.sessions import trading_year_of
from instruments.quant.calendars import TradingYear
from training.models import TrainingRun
from training.quant.candle.folds import fold_report
from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import OnStage, train_candle
from training.quant.candle.windows import judge_windows
from training.recipes.base import Completed, FollowUp, Work
from training.recipes.candle.data import CandleData, candle_data
from training.recipes.candle.results import candle_detail, candle_files, candle_result, series_model, series_trial
from training.recipes.confirmation.recipe import RECIPE as CONFIRMATION


def execute(work: Work) -> Completed:
    """Raises SpecError and NotTrainable for data that won't do."""
    run, spec, progress = work.run, work.spec, work.progress
    assert isinstance(spec, CandleSpec) and run.series is not None
    progress.stage("load", 0.02, f"{run.series} as of {spec.candle}")
    data, year = candle_data(run.series, spec), trading_year_of(run.series.instrument.calendar)
    return train_and_judge(run, spec, data, year=year, on_stage=progress.stage, on_round=progress.boosting)


def train_and_judge(
    run: TrainingRun,
    spec: CandleSpec,
    data: CandleData,
    *,
    year: TradingYear | None,
    on_stage: OnStage,
    on_round: Callable[[int, float], None],
) -> Completed:
    """All of it that needs no database. Raises NotTrainable."""
    outcome = train_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        on_stage=on_stage,
        on_round=on_round,
        stale_time=data.stale_time,
        year=year,
    )
    windows = judge_windows(
        data.bars,
        outcome,
        spec,
        decision=data.decision,
        seen_until=int(run.seen_until.timestamp()) if run.seen_until else 0,
        on_window=lambda done, todo: on_stage("evaluate", 0.9, f"model {done + 1} of {todo}"),
    )
    outcome = replace(outcome, evidence=windows.evidence)
    was_seen = run.seen_until is not None and spec.candle_at < run.seen_until
    folds = None
    if spec.folds:
        folds = fold_report(
            data.bars,
            outcome.plan,
            spec,
            on_fold=lambda done, todo: on_stage("folds", 0.9 + 0.05 * done / todo, f"fold {done + 1} of {todo}"),
        )
    on_stage("write", 0.95, "files, hashes and the model's version")
    text = outcome.final.text()
    result = candle_result(run, data, outcome, text, windows=windows, folds=folds)
    detail = candle_detail(spec, data, outcome, windows=windows, folds=folds)
    return Completed(
        result=result,
        detail=detail,
        files=candle_files(run, spec, outcome, text=text, result=result, detail=detail),
        model=series_model(run, result),
        trial=series_trial(spec.candle_at, result),
        follow_ups=[FollowUp(CONFIRMATION.kind, spec)] if spec.confirm and not was_seen else [],
    )

"""A study carried out: trial after trial, each kept as it is done, then what is taken of them."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from boursomatic.shared.records import to_json
from training.models import MetaState, StudyTrial, TrainingRun, TrialState
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.search.names import FOUND, NO_GAIN, SECONDS, STEADY, STOPPED, TRIALS
from training.quant.search.score import FoldScore, Scorer, steady_spec
from training.quant.search.study import Conclusion, SearchTrial, Study, best_of, params_of
from training.recipes.base import Completed, SearchedFields, Work
from training.recipes.meta_fit.data import state_row
from training.recipes.study.data import study_data, study_plan
from training.recipes.study.schema import Inner, StudyResult, Tried
from training.recipes.study.sentence import study_sentence
from training.recipes.study.spec import StudySpec

KEEP_EVERY_S = 0.4


def execute(work: Work) -> Completed:
    """Raises SpecError for data that won't do."""
    spec, run, progress = work.spec, work.run, work.progress
    assert isinstance(spec, StudySpec) and run.series is not None
    progress.stage("load", 0.0, f"{run.series} before {spec.run.candle}")
    data = study_data(run.series, spec.run)
    plan = study_plan(data, spec)
    progress.stage(
        "search", 0.0, f"{len(plan.folds)} folds of the {len(plan.train)} candles before {plan.candle:%Y-%m-%d}"
    )
    study = Study(spec.run, spec.space, Scorer(data.bars, plan=plan, spec=spec.run, rotated=spec.rotated), spec.trials)
    trials, ended_by = _search(work, spec, study)
    progress.stage("conclude", 0.99, f"{len(trials)} search trials")
    conclusion = study.conclude(trials)
    if not MetaState.objects.filter(study=run).exists():  # an earlier attempt may have come that far
        progress.checkpoint([state_row(run, plan.candle, train_years=spec.run.train_years)])
    seen_until = max(filter(None, (plan.seen_until, run.seen_until)))
    result = StudyResult(
        trials=len(trials),
        seen_until=format_time(seen_until),
        user=Inner(params_of(spec.run), trials[0].log_loss, trials[0].auc),
        best=_tried(conclusion.best),
        steady=Inner(params_of(steady_spec(spec.run)), conclusion.steady.log_loss, conclusion.steady.auc),
        taken=conclusion.taken,
        sentence=study_sentence(conclusion, user=trials[0], trials=len(trials), is_rotated=spec.rotated),
        ended_by=ended_by,
        decision=format_time(plan.candle),
        windows=plan.steps + spec.run.windows,
        rows=len(plan.train),
        folds=len(plan.folds),
        importance=study.importance(trials),
    )
    starts = spec.then_train and not spec.rotated
    return Completed(
        result=to_json(result),
        searched=[] if spec.rotated else _searched(study, trials, seen_until),
        then=_run_spec(run, study, conclusion, seen_until) if starts else None,
    )


def _search(work: Work, spec: StudySpec, study: Study) -> tuple[list[SearchTrial], str]:
    """All trials, those of earlier attempts first, and what ended the search. The user's values are tried whatever
    happens."""
    rows = list(StudyTrial.objects.filter(study=work.run))
    trials, seconds = [_trial(row) for row in rows], sum(row.seconds for row in rows)
    keeper = _Keeper(work, spec)
    coming = study.trials(trials)
    ended_by = ""
    while not ended_by:
        started = time.monotonic()
        if trials and spec.seconds is not None and seconds >= spec.seconds:
            ended_by = SECONDS
        elif (trial := next(coming, None)) is None:
            ended_by = TRIALS if len(trials) == spec.trials else NO_GAIN
        else:
            took = time.monotonic() - started
            trials, seconds = [*trials, trial], seconds + took
            ended_by = STOPPED if keeper.keep(trial, took, trials, seconds) else ""
    keeper.write()
    return trials, ended_by


class _Keeper:
    """Writes trials as they are done, several at once where they take milliseconds: one write costs as much as a tenth
    of such a trial. Those not yet written are tried again by a later attempt, with the same outcome."""

    def __init__(self, work: Work, spec: StudySpec) -> None:
        self.work, self.spec = work, spec
        self.unwritten: list[StudyTrial] = []
        self.written = -KEEP_EVERY_S

    def keep(self, trial: SearchTrial, took: float, trials: Sequence[SearchTrial], seconds: float) -> bool:
        """Whether somebody wants the study to stop, as far as that is looked at now."""
        self.unwritten.append(_row(self.work.run, trial, took))
        if time.monotonic() - self.written < KEEP_EVERY_S:
            return False
        self.write()
        self.work.progress.within(*_progress(trials, self.spec, seconds))
        return self.work.progress.stop_requested()

    def write(self) -> None:
        if self.unwritten:
            self.work.progress.checkpoint(self.unwritten)
        self.unwritten, self.written = [], time.monotonic()


def _progress(trials: Sequence[SearchTrial], spec: StudySpec, seconds: float) -> tuple[float, str]:
    best = best_of(trials)
    text = f"search trial {len(trials)} of {spec.trials}"
    text += f", best log-loss {best.log_loss:.4f}" if best else ", all failed so far"
    share = len(trials) / spec.trials
    if spec.seconds is not None:
        share = max(share, seconds / spec.seconds)
        text += f", {max(0.0, spec.seconds - seconds):.0f} s left"
    return min(0.98, share), text


def _row(run: TrainingRun, trial: SearchTrial, seconds: float) -> StudyTrial:
    return StudyTrial(
        study=run,
        number=trial.number,
        params=trial.params,
        rounds=trial.rounds,
        inner=trial.log_loss,
        auc=trial.auc,
        folds=[vars(fold) for fold in trial.folds],
        state=TrialState.FAILED if trial.log_loss is None else TrialState.COMPLETE,
        seconds=seconds,
    )


def _trial(row: StudyTrial) -> SearchTrial:
    folds = tuple(FoldScore(**fold) for fold in row.folds)
    return SearchTrial(row.number, row.params, row.rounds, row.inner, row.auc, folds)


def _tried(trial: SearchTrial | None) -> Tried | None:
    if trial is None or trial.rounds is None or trial.log_loss is None:
        return None
    return Tried({**trial.params, "rounds": trial.rounds}, trial.log_loss, trial.auc, trial.number)


def _run_spec(run: TrainingRun, study: Study, conclusion: Conclusion, seen_until: datetime) -> CandleSpec:
    """The run proper: the plain run where the user's values are kept, else the one that was found."""
    if conclusion.taken == STEADY:
        spec = steady_spec(study.spec)
    elif conclusion.taken == FOUND and conclusion.best is not None:
        spec = study.spec_of(conclusion.best)
    else:
        return study.spec
    return replace(spec, study_id=run.run_id, seen_until=format_time(seen_until))


def _searched(study: Study, trials: Sequence[SearchTrial], seen_until: datetime) -> list[SearchedFields]:
    """Every configuration that was looked at, with the rounds that were best and, but for the user's own, with those
    that early stopping would find: who reads it off the study has chosen by what the study saw."""
    specs = [steady_spec(study.spec)]
    for trial in trials:
        specs += [study.spec_of(trial), replace(study.spec_of(trial), rounds=None)]
    hashes = {spec.params_hash() for spec in specs} - {study.spec.params_hash()}
    return [SearchedFields(params_hash, seen_until) for params_hash in sorted(hashes)]

"""What a run made, made again from what is stored: of an ensemble by training every member again."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from instruments.models import Series
from instruments.quant.features.candle import feature_set
from instruments.store.revisions import Then, find_then
from training.artifacts.storage import sha256
from training.models import TrainingRun
from training.quant.candle.export import json_bytes
from training.quant.candle.spec import CandleSpec, SpecError
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.ensemble.judge import judge_ensemble
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.candle.data import CandleData, candle_data, candle_plan, rule_matters
from training.recipes.candle.results import data_hash, rows_hash
from training.recipes.ensemble.data import ensemble_data, ensemble_model
from training.recipes.ensemble.models import read_trained, trained_files
from training.recipes.verification.schema import BarsChanged
from training.recipes.verification.then import changed_bars, moment_of, told_changes


@dataclass(frozen=True)
class Again:
    """`probabilities`: of the test window; `is_other_data`: it was trained on other bars than the run, because those of
    then can't be told; `holds`: no bar after a decision changes its model; `rule_changed`: a run of today would look at
    other candles or outcomes; `bars_changed`: what has changed since of the bars that it was trained on."""

    model_hash: str
    probabilities: list[float]
    is_other_data: bool
    holds: bool
    rule_changed: bool
    bars_changed: BarsChanged | None = None


def made_again(run: TrainingRun, spec: CandleSpec | EnsembleSpec) -> Again:
    """From the bars as they stood when the run was made, where that is recorded, else as they stand. Raises SpecError
    where a candle is gone, RunRefused and NotTrainable where the rows won't do any more."""
    assert run.series is not None
    then = find_then(run.series, moment_of(run), lambda series: _is_data_of(run, series, spec))
    series = then.series if then else run.series
    again = _ensemble(run, series, spec) if isinstance(spec, EnsembleSpec) else _candle(series, spec)
    changed = _changed_since(run, then, spec) if then and then.since else None
    return replace(again, is_other_data=then is None, bars_changed=changed)


def _is_data_of(run: TrainingRun, series: Series, spec: CandleSpec | EnsembleSpec) -> bool:
    """Whether these are the bars that the run was made with."""
    try:
        if isinstance(spec, EnsembleSpec):
            return _is_data_of_ensemble(run, series, spec)
        data = candle_data(series, spec)
    except SpecError:
        return False
    rows = rows_hash(data)
    return (data_hash(data), rows) == (run.result["data_hash"], run.detail.get("rows_hash", rows))


def _is_data_of_ensemble(run: TrainingRun, series: Series, spec: EnsembleSpec) -> bool:
    of_members = [candle_data(series, member.spec) for member in spec.members]
    then = run.detail.get("member_hashes") or [vars(member) for member in spec.members]
    if any(data_hash(data) != member["data_hash"] for data, member in zip(of_members, then, strict=True)):
        return False
    plans = [candle_plan(data, member.spec) for data, member in zip(of_members, spec.members, strict=True)]
    first = min(plan.parts["train"].first or 0 for plan in plans)
    warmup = max(feature_set(member.spec.feature_set).warmup for member in spec.members)
    return rows_hash(ensemble_data(series, spec, first=first, warmup=warmup)) == str(run.detail["rows_hash"])


def _changed_since(run: TrainingRun, then: Then, spec: CandleSpec | EnsembleSpec) -> BarsChanged | None:
    assert run.series is not None
    specs = [member.spec for member in spec.members] if isinstance(spec, EnsembleSpec) else [spec]
    times = [candle_data(then.series, each).hashed.time for each in specs]
    start, end = (
        datetime.fromtimestamp(int(second), UTC)
        for second in (min(each[0] for each in times), max(each[-1] for each in times))
    )
    return told_changes(run, [changed_bars(run.series, then, start=start, end=end)])


def _candle(series: Series, spec: CandleSpec) -> Again:
    trained = _train_again(series, spec)
    return Again(
        model_hash=trained.model_hash,
        probabilities=trained.outcome.test_probability.tolist(),
        is_other_data=False,
        holds=trained.holds,
        rule_changed=trained.rule_changed,
    )


@dataclass(frozen=True)
class _Trained:
    """A configuration trained again."""

    data: CandleData
    outcome: CandleOutcome
    model_hash: str
    holds: bool
    rule_changed: bool


def _train_again(series: Series, spec: CandleSpec) -> _Trained:
    data = candle_data(series, spec)
    outcome = _train(data, spec)
    truncated = _train(replace(data, bars=data.bars.slice(0, data.decision + 1)), replace(spec, live=True))
    text = outcome.final.text()
    return _Trained(
        data=data,
        outcome=outcome,
        model_hash=sha256(text),
        holds=truncated.final.text() == text,
        rule_changed=spec.by_first_rule and rule_matters(data, spec),
    )


def _train(data: CandleData, spec: CandleSpec) -> CandleOutcome:
    return train_candle(
        data.bars, decision=data.decision, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
    )


def _ensemble(run: TrainingRun, series: Series, spec: EnsembleSpec) -> Again:
    """Its model is the same where all members' are: its manifest names their hashes."""
    trained = [_train_again(series, member.spec) for member in spec.members]
    models = [
        read_trained(trained_files(member.spec, each.outcome))
        for each, member in zip(trained, spec.members, strict=True)
    ]
    model = ensemble_model(series, spec, models)
    first = min(each.outcome.plan.parts["train"].first or 0 for each in trained)
    data = ensemble_data(series, spec, first=first, warmup=model.warmup)
    outcome = judge_ensemble(
        data.bars, decision=data.decision, spec=spec, model=model, first=first, stale_time=data.stale_time
    )
    hashes = [each.model_hash for each in trained]
    then = run.detail.get("member_hashes") or [vars(member) for member in spec.members]
    is_same = hashes == [member["model_hash"] for member in then]
    return Again(
        model_hash=run.result["model_hash"] if is_same else sha256(json_bytes(hashes)),
        probabilities=outcome.test_probability.tolist(),
        is_other_data=False,
        holds=all(each.holds for each in trained),
        rule_changed=any(each.rule_changed for each in trained),
    )

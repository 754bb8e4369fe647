"""What a run made, made again from what is stored: of an ensemble by training every member again."""

from dataclasses import dataclass, replace

from instruments.models import Series
from training.artifacts.storage import sha256
from training.models import TrainingRun
from training.quant.candle.export import json_bytes
from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.ensemble.judge import judge_ensemble
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.candle.data import CandleData, candle_data, rule_matters
from training.recipes.candle.results import data_hash, rows_hash
from training.recipes.ensemble.data import ensemble_data, ensemble_model
from training.recipes.ensemble.models import read_trained, trained_files


@dataclass(frozen=True)
class Again:
    """`probabilities`: of the test window; `is_other_data`: bars are not what they were; `holds`: no bar after a
    decision changes its model; `rule_changed`: a run of today would look at other candles or outcomes."""

    model_hash: str
    probabilities: list[float]
    is_other_data: bool
    holds: bool
    rule_changed: bool


def made_again(run: TrainingRun, spec: CandleSpec | EnsembleSpec) -> Again:
    """Raises SpecError where a candle is gone, RunRefused and NotTrainable where the rows won't do any more."""
    assert run.series is not None
    if isinstance(spec, EnsembleSpec):
        return _ensemble(run, run.series, spec)
    trained = _train_again(run.series, spec)
    rows = rows_hash(trained.data)
    return Again(
        model_hash=trained.model_hash,
        probabilities=trained.outcome.test_probability.tolist(),
        is_other_data=data_hash(trained.data) != run.result["data_hash"] or rows != run.detail.get("rows_hash", rows),
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
    changed = [data_hash(each.data) != member["data_hash"] for each, member in zip(trained, then, strict=True)]
    return Again(
        model_hash=run.result["model_hash"] if is_same else sha256(json_bytes(hashes)),
        probabilities=outcome.test_probability.tolist(),
        is_other_data=any(changed) or rows_hash(data) != run.detail["rows_hash"],
        holds=all(each.holds for each in trained),
        rule_changed=any(each.rule_changed for each in trained),
    )

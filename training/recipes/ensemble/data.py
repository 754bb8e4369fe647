"""What an ensemble is made of: its members' models and files, and the bars that it is judged on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from instruments.models import Series
from instruments.store.read_bars import load_candles, load_marked
from training.artifacts.loading import native_files
from training.models import TrainingRun
from training.quant.candle.export import json_bytes
from training.quant.candle.model import CandleModel, read_model
from training.quant.candle.spec import parse_time
from training.quant.ensemble.average import average_threshold
from training.quant.ensemble.model import REFERENCE, EnsembleModel, member_file
from training.quant.ensemble.spec import EnsembleSpec, Member
from training.recipes.candle.data import CandleData, candle_data, candle_plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Assembled:
    """An ensemble's model and the files that it is read from, its manifest apart: name -> content."""

    model: EnsembleModel
    files: dict[str, bytes]


def assemble(series: Series, spec: EnsembleSpec, runs: dict[str, TrainingRun]) -> Assembled:
    """From its members' runs, by name. Raises RunRefused("integrity") where a file has changed, SpecError where ranks
    are averaged and a member's candles are gone."""
    models: list[CandleModel] = []
    files: dict[str, bytes] = {}
    for place, member in enumerate(spec.members):
        version = runs[member.run_id].model_version
        own = native_files(version)
        models.append(read_model(own, version.files))
        files |= {member_file(place, name): content for name, content in own.items()}
    model = ensemble_model(series, spec, models)
    for place, reference in enumerate(model.references):
        if len(reference):
            files[member_file(place, REFERENCE)] = json_bytes(reference.tolist())
    return Assembled(model, files)


def ensemble_model(series: Series, spec: EnsembleSpec, models: list[CandleModel]) -> EnsembleModel:
    """Of its members' models, in their order. Raises SpecError as `assemble` does."""
    if spec.how == "rank":
        references = [
            _train_probability(series, member, model) for member, model in zip(spec.members, models, strict=True)
        ]
    else:
        references = [np.empty(0)] * len(models)
    threshold = average_threshold(spec.how, [model.threshold for model in models], references)
    return EnsembleModel(tuple(models), tuple(references), spec.how, spec.timeframe, threshold)


def ensemble_data(series: Series, spec: EnsembleSpec, *, first: int, warmup: int) -> CandleData:
    """Bars from `warmup` before `first` (seconds: the first candle that a member was fitted on) to the last test
    outcome."""
    newest = candle_data(series, spec.newest)
    load = load_marked if spec.by_first_rule else load_candles
    start, end = (datetime.fromtimestamp(int(time), tz=UTC) for time in (first, newest.bars.time[-1]))
    marked = load(series, start=start, end=end, before=warmup)
    bars = (marked.stored if spec.by_first_rule else marked.candles).adjusted()
    decision = int(np.searchsorted(bars.time, int(spec.candle_at.timestamp())))
    return replace(newest, bars=bars, decision=decision)


def first_train_candle(runs: dict[str, TrainingRun]) -> int:
    """The first that one of them was fitted on, in seconds."""
    firsts = (parse_time(run.result["splits"]["train"]["first"]) for run in runs.values())
    return int(min(firsts).timestamp())


def _train_probability(series: Series, member: Member, model: CandleModel) -> Floats:
    """What a member's model says of the rows that it was fitted on."""
    data = candle_data(series, member.spec)
    plan = candle_plan(data, member.spec)
    plan.require_trainable()
    train = plan.rows[plan.split.train.start : plan.split.train.stop]
    return model.probability(model.features(data.bars)[train])

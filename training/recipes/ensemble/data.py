"""What an ensemble is made of: its members' models and files, and the bars that it is judged on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from instruments.models import Series
from instruments.store.read_bars import load_candles, load_marked
from training.quant.candle.export import json_bytes
from training.quant.candle.model import CandleModel
from training.quant.ensemble.average import average_threshold
from training.quant.ensemble.model import REFERENCE, EnsembleModel, member_file
from training.quant.ensemble.spec import EnsembleSpec, Member
from training.recipes.candle.data import CandleData, candle_data, candle_plan
from training.recipes.ensemble.models import MemberModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Assembled:
    """An ensemble's model and the files that it is read from, its manifest apart: name -> content."""

    model: EnsembleModel
    files: dict[str, bytes]


def assemble(series: Series, spec: EnsembleSpec, members: list[MemberModel]) -> Assembled:
    """Of its members' models, in their order. Raises SpecError where ranks are averaged and a member's candles are
    gone."""
    model = ensemble_model(series, spec, [member.model for member in members])
    files: dict[str, bytes] = {}
    for place, (member, reference) in enumerate(zip(members, model.references, strict=True)):
        files |= {member_file(place, name): content for name, content in member.files.items()}
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
    bars = (marked.bars if spec.by_first_rule else marked.candles).adjusted()
    decision = int(np.searchsorted(bars.time, int(spec.candle_at.timestamp())))
    return replace(newest, bars=bars, decision=decision)


def _train_probability(series: Series, member: Member, model: CandleModel) -> Floats:
    """What a member's model says of the rows that it was fitted on."""
    data = candle_data(series, member.spec)
    plan = candle_plan(data, member.spec)
    plan.require_trainable()
    train = plan.rows[plan.split.train.start : plan.split.train.stop]
    return model.probability(model.features(data.bars)[train])

"""An ensemble judged on its own test window, as a candle run is. PROTOCOL §3."""

from dataclasses import replace

import numpy as np

from instruments.quant.bars import Bars, Seconds
from instruments.quant.calendars import TradingYear
from instruments.quant.features.candle import feature_set
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import CandlePlan, plan_candle, split_parts
from training.quant.candle.train import Judged, judge_window
from training.quant.ensemble.model import EnsembleModel
from training.quant.ensemble.spec import EnsembleSpec
from training.quant.stats.classification import evaluate


def judge_ensemble(
    bars: Bars,
    *,
    decision: int,
    spec: EnsembleSpec,
    model: EnsembleModel,
    first: int,
    stale_time: Seconds,
    year: TradingYear | None = None,
) -> Judged:
    """`bars`: adjusted, without stale ones, from the warm-up before `first` (seconds: the first candle that a member
    was fitted on) to the last test outcome; `decision`: the place of the ensemble's candle; `year`: as `train_candle`.

    Its train rows are all from `first` to the decision, whichever members were fitted on them; nothing validates.
    Raises `plan.NotTrainable` where the test window has too few candles.
    """
    features = model.features(bars)
    plan = _plan(bars, decision, spec, first=max(first, int(bars.time[model.warmup])), stale_time=stale_time)
    labels = candle_label(bars, spec.newest)[plan.rows]
    train = slice(plan.split.train.start, plan.split.train.stop)
    probability = model.probability(features)
    return Judged(
        plan=plan,
        columns=tuple(column for name in model.feature_sets for column in feature_set(name).columns),
        threshold=model.threshold,
        train=evaluate(labels[train], probability[plan.rows[train]], model.threshold),
        validation=None,
        **judge_window(
            bars,
            labels=labels,
            probability=probability[plan.span.start : plan.span.stop],
            plan=plan,
            threshold=model.threshold,
            spec=spec.newest,
            year=year,
        ),
    )


def _plan(bars: Bars, decision: int, spec: EnsembleSpec, *, first: int, stale_time: Seconds) -> CandlePlan:
    """The newest member's, with the ensemble's train rows."""
    plan = plan_candle(bars, decision=decision, spec=spec.newest, stale_time=stale_time)
    plan.require_trainable()
    first_row, decision_row = np.searchsorted(bars.time[plan.rows], (first, int(bars.time[decision]))).tolist()
    train = range(first_row, decision_row - plan.split.horizon + 1)
    split = replace(plan.split, fit=train, validation=range(train.stop, train.stop), train=train)
    labels = candle_label(bars, spec.newest)
    return replace(plan, split_or_none=split, parts=split_parts(bars.time, labels, plan.rows, split))

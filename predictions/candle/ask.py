"""Asking a trained model about candles: of its own series, or, with a warning, of another instrument's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from instruments.models import Series
from instruments.quant.bars import Bars
from instruments.store.read_bars import load_candles, load_marked, series_get
from predictions.quant.predict import SAMPLES, TEST, Bounds, Codes, Predictions, predict_candles, sample_codes
from training.artifacts.loading import stored_model
from training.models import Status, TrainingRun
from training.quant.candle.model import CandleModel
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import parse_time
from training.quant.ensemble.model import EnsembleModel
from training.quant.ensemble.spec import decision_spec

Floats = NDArray[np.float64]


class NotReady(Exception):
    """The run has no model to ask (yet)."""


@dataclass(frozen=True)
class CandlePredictions:
    """What a run's model says of the candles of `series`, one row for each bar of `bars`; see Predictions.

    Stale bars are not among them, unless the run is of the first rule. `up`: (n,) 1 where the next candle closed
    higher (of a run that decides at its open: above that), 0 where it closed lower, NaN where it closed unmoved (0 by
    the first rule) and while that is not known.
    `next_time`: seconds of the candle after the last one, None while there is none.
    """

    run: TrainingRun
    series: Series
    model: CandleModel | EnsembleModel
    bars: Bars
    output: Predictions
    sample: Codes
    up: Floats
    next_time: int | None
    warning: str

    @property
    def by_first_rule(self) -> bool:
        return decision_spec(self.run.config).by_first_rule

    @property
    def decision(self) -> str:
        """When the model decides: "close", or "next_open"."""
        return decision_spec(self.run.config).decision

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Rows with a probability: the others' features are not defined yet."""
        return ~np.isnan(self.output.probability)

    @property
    def evaluated(self) -> NDArray[np.bool_]:
        """Rows that tell something of the model: not used in its making, and their outcome is known."""
        return self.defined & ~np.isnan(self.up) & (self.sample >= TEST)

    @property
    def open_row(self) -> int | None:
        """The row whose next candle has not come, if it has a probability."""
        last = len(self.bars) - 1
        return last if last >= 0 and self.next_time is None and self.defined[last] else None

    def iso(self) -> list[str]:
        return iso_times(self.bars.time)


def ask(*, run: TrainingRun, series: Series | None, start: datetime | None, end: datetime | None) -> CandlePredictions:
    """A run's model about decision candles from `start` to `end`, inclusive, of its own series or of `series`.

    Raises NotReady, and RunRefused("integrity") where a file has changed.
    """
    if run.status != Status.COMPLETED or run.series is None:
        raise NotReady(f"Run {run.run_id} is {run.status}: only a completed run has a model to ask.")
    series = series or run.series
    model = stored_model(run.run_id)
    spec = decision_spec(run.config)
    if spec.by_first_rule:
        bars = load_marked(series, start=start, end=end, before=model.warmup, after=1).bars.adjusted()
    else:  # a stale bar is no candle: nothing is predicted at it, and none speaks of it
        bars = load_candles(series, start=start, end=end, before=model.warmup, after=1).candles.adjusted()
    first = 0 if start is None else int(np.searchsorted(bars.time, int(start.timestamp())))
    stop = len(bars) if end is None else int(np.searchsorted(bars.time, int(end.timestamp()), side="right"))
    output = predict_candles(model, bars, first=first, stop=stop)
    window = bars.slice(first, stop)
    return CandlePredictions(
        run=run,
        series=series,
        model=model,
        bars=window,
        output=output,
        sample=sample_codes(window.time, bounds_of(run)),
        up=candle_label(bars, spec)[first:stop],
        next_time=int(bars.time[stop]) if stop < len(bars) else None,
        warning=_warning(run, series),
    )


def other_series(run: TrainingRun, symbol: str | None) -> Series | None:
    """The series of `symbol` at the model's timeframe; None where that is its own. Raises UnknownSeries."""
    own = run.series
    if own is None or symbol is None or symbol == own.instrument.symbol:
        return None
    return series_get(symbol, own.timeframe)


def bounds_of(run: TrainingRun) -> Bounds:
    """First and last candle of each part of the run. Candles without an outcome belong to the part that they lie in:
    validation, or training where nothing validates, reaches up to the decision, test begins with it, or after the gap.
    A gap before validation is training's (with `honest` it is trained on), one before test comes after all of them."""
    bounds: Bounds = {
        name: (int(parse_time(part["first"]).timestamp()), int(parse_time(part["last"]).timestamp()))
        if part.get("first")
        else None
        for name, part in run.result.get("splits", {}).items()
    }
    decision = int(parse_time(run.config["candle"]).timestamp())
    train, validation, test = (bounds.get(name) for name in ("train", "validation", "test"))
    if train and validation:
        bounds["train"] = (train[0], max(train[1], validation[0] - 1))
        bounds["validation"] = (validation[0], decision - 1)
    elif train:
        bounds["train"] = (train[0], decision - 1)
    if test:
        bounds["test"] = (test[0] if decision_spec(run.config).gap else decision, test[1])
    return bounds


def iso_times(seconds: NDArray[np.int64]) -> list[str]:
    """ISO 8601 in UTC; `strftime` on aware datetimes would cost more than the prediction."""
    return [f"{at.isoformat()}Z" for at in seconds.astype("datetime64[s]").tolist()]


def sample_names(predicted: CandlePredictions) -> Iterator[str]:
    return (SAMPLES[code] for code in predicted.sample.tolist())


def _warning(run: TrainingRun, series: Series) -> str:
    own = run.series
    if own is None or series.pk == own.pk:
        return ""
    return (
        f"This model was trained on {own.instrument.symbol} and has never seen {series.instrument.symbol}. "
        "Its figures were measured on the former and say nothing about the latter; "
        "train, validation and test are those times, not candles it was trained on."
    )

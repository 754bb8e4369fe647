"""Asking a trained model what it says of its own series."""

from datetime import UTC, datetime
from typing import Any

from instruments.loading import load_bars
from instruments.models import PriceBar
from instruments.quant.features import FEATURE_SETS
from predictions.quant.predict import predict_candles, sample_of
from training.model_files import stored_model
from training.models import Status, TrainingRun
from training.quant.spec import format_time, parse_time


class NotReady(Exception):
    """The run has no model to ask (yet)."""


def predict_range(
    *, run: TrainingRun, start: datetime | None, end: datetime | None, threshold: float
) -> dict[str, Any]:
    """Predictions of a run's model for its own series, for decision candles from `start` to `end`, inclusive.

    A prediction stands at the candle whose close it is made at; `target` is the candle that it speaks of, None while
    that one has not come. Raises NotReady, and RunRefused("integrity") where a file has changed.
    """
    if run.status != Status.COMPLETED or run.series is None:
        raise NotReady(f"Run {run.run_id} is {run.status}: only a completed run has a model to ask.")
    model = stored_model(run.run_id)
    bars = load_bars(run.series, start=start, end=end, before=FEATURE_SETS[model.feature_set].warmup).adjusted()
    first = 0 if start is None else int((bars.time < int(start.timestamp())).sum())
    said = predict_candles(model, bars, first=first)
    times = [format_time(datetime.fromtimestamp(int(t), tz=UTC)) for t in said.time]
    targets: list[str | None] = [*times[1:], _next_candle(run, times[-1])] if times else []
    rows = zip(times, targets, said.probability.tolist(), sample_of(said.time, _bounds(run)), strict=True)
    return {
        "run_id": run.run_id,
        "symbol": run.series.instrument.symbol,
        "timeframe": run.series.timeframe,
        "threshold": threshold,
        "total_predictions": len(times),
        "predictions": [
            {
                "timestamp": at,
                "prediction": int(p >= threshold),
                "probability": p,
                "confidence": abs(p - threshold),
                "sample": sample,
                "target": target,
            }
            for at, target, p, sample in rows
        ],
    }


def _next_candle(run: TrainingRun, last: str) -> str | None:
    later = PriceBar.objects.filter(series=run.series, timestamp__gt=parse_time(last)).order_by("timestamp")
    found = later.values_list("timestamp", flat=True).first()
    return format_time(found) if found else None


def _bounds(run: TrainingRun) -> dict[str, tuple[int, int] | None]:
    splits = run.result.get("splits", {})
    return {
        name: (int(parse_time(part["first"]).timestamp()), int(parse_time(part["last"]).timestamp()))
        if part.get("first")
        else None
        for name, part in splits.items()
    }

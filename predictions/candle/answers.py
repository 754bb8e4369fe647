"""What is served of a model: rows for programs, columns for the chart, profit and loss of following it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.calendars.sessions import trading_year_of
from predictions.candle.ask import CandlePredictions, iso_times, sample_names
from predictions.quant.calibration import calibration
from predictions.quant.predict import AFTER, SAMPLES, TEST
from training.quant.candle.outcomes import follow
from training.quant.candle.spec import COST_BP, format_time
from training.quant.stats.backtest import Performance, bars_a_year

Floats = NDArray[np.float64]
MILLION = 1e6  # probabilities of the chart in millionths, cut off: they stand on the same side of any threshold


def rows_answer(predicted: CandlePredictions, threshold: float) -> dict[str, Any]:
    """The answer that outside programs rely on: one object for each prediction.

    A prediction stands at the candle whose close it is made at, one made at the next open at the candle before it;
    `target` is the candle that it speaks of, None while
    that one has not come.
    """
    defined, output, times = predicted.defined, predicted.output, predicted.iso()
    last = iso_times(np.array([predicted.next_time]))[0] if predicted.next_time is not None else None
    columns = zip(
        defined.tolist(),
        times,
        [*times[1:], last][: len(times)],
        output.probability.tolist(),
        sample_names(predicted),
        output.out_of_range.tolist(),
        output.distance.tolist(),
        strict=True,
    )
    predictions = [
        {
            "timestamp": at,
            "prediction": int(p >= threshold),
            "probability": p,
            "confidence": abs(p - threshold),
            "sample": sample,
            "target": target,
            "out_of_range": outside,
            "distance": distance,
        }
        for there, at, target, p, sample, outside, distance in columns
        if there
    ]
    return {
        **_head(predicted),
        "threshold": threshold,
        "total_predictions": len(predictions),
        "predictions": predictions,
    }


def columns_answer(predicted: CandlePredictions) -> dict[str, Any]:
    """The same as columns for the chart, and how often each probability came true on candles that it was not made of.

    Columns hold only candles with a prediction; `sample` are places in `samples`.
    """
    defined, evaluated, output = predicted.defined, predicted.evaluated, predicted.output
    up = [None if np.isnan(label) else int(label) for label in predicted.up[defined]]
    rate = float(predicted.up[evaluated].mean()) if evaluated.any() else None
    return {
        **_head(predicted),
        "trained_on": predicted.run.config["symbol"],
        "own_threshold": predicted.model.threshold,
        "samples": SAMPLES,
        "epoch": predicted.bars.time[defined],
        "probability": np.floor(output.probability[defined] * MILLION) / MILLION,
        "up": up,
        "sample": predicted.sample[defined],
        "out_of_range": output.out_of_range[defined].round(3),
        "distance": output.distance[defined].round(2),
        "calibration": [
            asdict(bucket) for bucket in calibration(predicted.up[evaluated], output.probability[evaluated])
        ],
        "judged": {"rows": int(evaluated.sum()), "base_rate": rate},
    }


def performance_answer(predicted: CandlePredictions, threshold: float) -> dict[str, Any]:
    """PROTOCOL §3 over the candles that the model was not made of: from its first test candle on, of a live run from
    its decision on, starting flat.

    `equity` and `buy_and_hold` stand at `epoch` and begin at 1, at the decision candle; None where no such candle has
    an outcome.
    """
    tested, bars = np.flatnonzero(predicted.sample == TEST), predicted.bars
    rows = tested if len(tested) else np.flatnonzero(predicted.sample == AFTER)
    if not len(rows) or rows[0] + 1 >= len(bars):
        return {**_head(predicted), "threshold": threshold, "epoch": [], "strategy": None, "buy_and_hold": None}
    held_out = bars.slice(int(rows[0]), len(bars))
    signals = np.nan_to_num(predicted.output.probability[rows[0] : -1], nan=-1.0) >= threshold
    year = trading_year_of(predicted.series.instrument.calendar)
    a_year = bars_a_year(held_out.time, predicted.series.timeframe, year)

    def earned(position: NDArray[np.bool_], decision: str) -> Performance:
        return follow(position.astype(np.float64), held_out, decision=decision, bars_a_year=a_year)

    return {
        **_head(predicted),
        "threshold": threshold,
        "cost_bp": COST_BP,
        "first": format_time(datetime.fromtimestamp(int(held_out.time[0]), tz=UTC)),
        "epoch": held_out.time,
        "strategy": _figures(earned(signals, predicted.decision)),
        "buy_and_hold": _figures(earned(np.ones(len(signals), dtype=np.bool_), "close")),
    }


def _figures(performance: Performance) -> dict[str, Any]:
    names = ("sharpe", "max_drawdown", "total_return", "turnover", "exposure")
    return {name: getattr(performance, name) for name in names} | {"equity": performance.equity.round(6)}


def _head(predicted: CandlePredictions) -> dict[str, Any]:
    return {
        "run_id": predicted.run.run_id,
        "symbol": predicted.series.instrument.symbol,
        "timeframe": predicted.series.timeframe,
        "decision": predicted.decision,
        "warning": predicted.warning or None,
    }

"""What is served of a model: rows for programs, columns for the chart, profit and loss of following it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictions.candle.ask import Asked, iso_times, sample_names
from predictions.quant.calibration import calibration
from predictions.quant.predict import SAMPLES, TEST
from training.quant.candle.spec import COST_BP, format_time
from training.quant.stats.backtest import Performance, bars_a_year, simulate

Floats = NDArray[np.float64]
MILLION = 1e6  # probabilities of the chart in millionths, cut off: they stand on the same side of any threshold


def rows_answer(asked: Asked, threshold: float) -> dict[str, Any]:
    """The answer that outside programs rely on: one object for each prediction.

    A prediction stands at the candle whose close it is made at; `target` is the candle that it speaks of, None while
    that one has not come.
    """
    known, said, times = asked.known, asked.said, asked.iso()
    last = iso_times(np.array([asked.next_time]))[0] if asked.next_time is not None else None
    columns = zip(
        known.tolist(),
        times,
        [*times[1:], last][: len(times)],
        said.probability.tolist(),
        sample_names(asked),
        said.out_of_range.tolist(),
        said.distance.tolist(),
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
        **_head(asked),
        "threshold": threshold,
        "total_predictions": len(predictions),
        "predictions": predictions,
    }


def columns_answer(asked: Asked) -> dict[str, Any]:
    """The same as columns for the chart, and how often each probability came true on candles that it was not made of.

    Columns hold only candles with a prediction; `sample` are places in `samples`.
    """
    known, judged, said = asked.known, asked.judged, asked.said
    up = [None if np.isnan(one) else int(one) for one in asked.up[known]]
    rate = float(asked.up[judged].mean()) if judged.any() else None
    return {
        **_head(asked),
        "trained_on": asked.run.config["symbol"],
        "own_threshold": asked.model.threshold,
        "samples": SAMPLES,
        "epoch": asked.bars.time[known],
        "probability": np.floor(said.probability[known] * MILLION) / MILLION,
        "up": up,
        "sample": asked.sample[known],
        "out_of_range": said.out_of_range[known].round(3),
        "distance": said.distance[known].round(2),
        "calibration": [asdict(found) for found in calibration(asked.up[judged], said.probability[judged])],
        "judged": {"rows": int(judged.sum()), "base_rate": rate},
    }


def performance_answer(asked: Asked, threshold: float) -> dict[str, Any]:
    """PROTOCOL §3 over the candles that the model was not made of: from its first test candle on, starting flat.

    `equity` and `buy_and_hold` stand at `epoch` and begin at 1, at the decision candle; None where no such candle has
    an outcome.
    """
    rows = np.flatnonzero(asked.sample >= TEST)
    bars = asked.bars
    if not len(rows) or rows[0] + 1 >= len(bars):
        return {**_head(asked), "threshold": threshold, "epoch": [], "strategy": None, "buy_and_hold": None}
    part = bars.slice(int(rows[0]), len(bars))
    follows = np.nan_to_num(asked.said.probability[rows[0] : -1], nan=-1.0) >= threshold
    a_year = bars_a_year(part.time, asked.series.timeframe)

    def earned(position: NDArray[np.bool_]) -> Performance:
        return simulate(
            weights=position.astype(np.float64)[:, None],
            open_=part.open[:, None],
            close=part.close[:, None],
            cost_bp=COST_BP,
            bars_a_year=a_year,
        )

    return {
        **_head(asked),
        "threshold": threshold,
        "cost_bp": COST_BP,
        "first": format_time(datetime.fromtimestamp(int(part.time[0]), tz=UTC)),
        "epoch": part.time,
        "strategy": _figures(earned(follows)),
        "buy_and_hold": _figures(earned(np.ones(len(follows), dtype=np.bool_))),
    }


def _figures(found: Performance) -> dict[str, Any]:
    kept = ("sharpe", "max_drawdown", "total_return", "turnover", "exposure")
    return {name: getattr(found, name) for name in kept} | {"equity": found.equity.round(6)}


def _head(asked: Asked) -> dict[str, Any]:
    return {
        "run_id": asked.run.run_id,
        "symbol": asked.series.instrument.symbol,
        "timeframe": asked.series.timeframe,
        "warning": asked.warning or None,
    }

"""The bars that a sweep looks at, and a request for one as a spec."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from instruments.models import Series
from instruments.quant.bars import Bars, Seconds
from instruments.quant.features.candle import feature_set
from instruments.store.read_bars import load_candles
from training.models import Status, TrainingRun
from training.quant.candle.spec import CandleSpec, SpecError, format_time, parse_time
from training.quant.candle.split import training_start
from training.quant.labels import up_label
from training.recipes.candle.data import candle_series
from training.recipes.candle.searched import seen_until
from training.recipes.sweep.spec import NAMED, SweepSpec, parse_sweep_spec


@dataclass(frozen=True)
class SweepData:
    """Adjusted bars without stale ones, which were at `stale_time`: from the warm-up before the earliest training
    period to the last test outcome of some cells."""

    bars: Bars
    stale_time: Seconds

    def hash(self) -> str:
        """SHA-256 over times and adjusted OHLCV, little-endian."""
        digest = hashlib.sha256()
        for name in ("time", "open", "high", "low", "close", "volume"):
            column = getattr(self.bars, name)
            digest.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()


def sweep_data(series: Series, specs: Sequence[CandleSpec]) -> SweepData:
    """What these cells need, and no later bar."""
    start = min(training_start(spec.candle_at, spec.train_years) for spec in specs)
    last = max(spec.candle_at for spec in specs)
    before = max(feature_set(spec.feature_set).warmup for spec in specs)
    window = max(spec.test_window_size for spec in specs)
    after = window
    while True:  # again only where some of the bars are unmoved, so that more of them are needed
        marked = load_candles(series, start=start, end=last, before=before, after=after)
        bars = marked.candles.adjusted()
        outcomes = np.flatnonzero(~np.isnan(up_label(bars.close)))
        tested = outcomes[np.searchsorted(bars.time[outcomes], int(last.timestamp())) :]
        if len(tested) >= window:
            return SweepData(bars.slice(0, int(tested[window - 1]) + 2), marked.stale_time)
        if np.count_nonzero(bars.time > int(last.timestamp())) < after:
            return SweepData(bars, marked.stale_time)
        after *= 2


def sweep_spec(body: Any, *, default_symbol: str) -> SweepSpec:
    """The API's body as a spec whose rows say what searches have seen of their settings (PROTOCOL §7.1). The same sweep
    again has the rows of before: it is the same trial. Raises SpecError."""
    sweep = parse_sweep_spec(body, default_symbol=default_symbol, candles_between=_candles_between)
    series = candle_series(sweep.rows[0])
    same = TrainingRun.objects.filter(kind=sweep.kind, series=series, params_hash=sweep.params_hash())
    earlier = same.filter(status=Status.COMPLETED).order_by("pk").first()
    if earlier is not None:
        return SweepSpec.from_dict(earlier.config)
    return replace(sweep, rows=tuple(_with_seen_until(series, row) for row in sweep.rows))


def require_candles(series: Series, sweep: SweepSpec) -> None:
    """Raises SpecError with up to ten of its candles that are none."""
    first, last = (parse_time(sweep.candles[place]) for place in (0, -1))
    marked = load_candles(series, start=first, end=last)
    candles, stale = set(marked.candles.time.tolist()), set(marked.stale_time.tolist())
    wrong = [candle for candle in sweep.candles if int(parse_time(candle).timestamp()) not in candles]
    if not wrong:
        return
    named = [
        f"{candle} is {'a stale bar and no candle' if int(parse_time(candle).timestamp()) in stale else 'no candle'}."
        for candle in wrong[:NAMED]
    ]
    more = f" {len(wrong) - NAMED:,} more are none either." if len(wrong) > NAMED else ""
    raise SpecError({"candles": [f"Of {series}: {' '.join(named)}{more} Leave them out, or use from, to and every."]})


def _with_seen_until(series: Series, row: CandleSpec) -> CandleSpec:
    moment = seen_until(series, row)
    return replace(row, seen_until=format_time(moment)) if moment else row


def _candles_between(symbol: str, timeframe: str, first: str, last: str) -> list[str]:
    """Not stale, both inclusive. Raises SpecError where there is no such series."""
    series = candle_series(CandleSpec(candle=first, symbol=symbol, timeframe=timeframe))
    marked = load_candles(series, start=parse_time(first), end=parse_time(last))
    return [format_time(datetime.fromtimestamp(time, tz=UTC)) for time in marked.candles.time.tolist()]

"""Made-up prices for the tests."""

from datetime import UTC, datetime, timedelta

import numpy as np

from instruments.models import Instrument, PriceBar, Series

FIRST_DAY = datetime(2018, 1, 1, tzinfo=UTC)  # a Monday


def make_series(symbol: str = "SPY", *, bars: int = 600, timeframe: str = "1d", seed: int = 1) -> Series:
    """A random walk over the weekdays from FIRST_DAY on, the same for the same seed."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opening = close * np.exp(rng.normal(0, 0.003, bars))
    high = np.maximum(opening, close) * 1.004
    low = np.minimum(opening, close) * 0.996
    volume = rng.integers(1_000_000, 2_000_000, bars)
    days = weekdays(bars)
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol)
    series = Series.objects.create(instrument=instrument, timeframe=timeframe, rows=bars, first=days[0], last=days[-1])
    PriceBar.objects.bulk_create(
        PriceBar(
            series=series,
            timestamp=days[i],
            open=opening[i],
            high=high[i],
            low=low[i],
            close=close[i],
            volume=volume[i],
            adj_close=close[i],
            source="made up",
        )
        for i in range(bars)
    )
    return series


def weekdays(count: int) -> list[datetime]:
    return [FIRST_DAY + timedelta(days=7 * (i // 5) + i % 5) for i in range(count)]


def candle(position: int) -> str:
    """The date of the bar at this position, as the API writes it."""
    return weekdays(position + 1)[-1].strftime("%Y-%m-%dT%H:%M:%SZ")

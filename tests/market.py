"""Made-up prices for the tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone

from instruments.models import Instrument, PriceBar, Series
from instruments.quant.bars import Bars

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


def store_series(symbol: str, bars: Bars, *, timeframe: str = "1d") -> Series:
    """These bars, prices as stored, as a series."""
    times = [datetime.fromtimestamp(int(seconds), tz=UTC) for seconds in bars.time]
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol)
    series = Series.objects.create(
        instrument=instrument, timeframe=timeframe, rows=len(bars), first=times[0], last=times[-1]
    )
    names = ("open", "high", "low", "close", "volume", "adj_close")
    rows = zip(times, *(getattr(bars, name).tolist() for name in names), strict=True)
    PriceBar.objects.bulk_create(
        PriceBar(series=series, timestamp=time, source="made up", **dict(zip(names, values, strict=True)))
        for time, *values in rows
    )
    return series


def change_bars(bars: QuerySet[PriceBar], **values: Any) -> None:
    """These bars get other values, or go where no values are named; the series say so, as after an import."""
    series = list(bars.values_list("series", flat=True).order_by().distinct())
    if values:
        bars.update(**values)
    else:
        bars.delete()
    Series.objects.filter(pk__in=series).update(updated_at=timezone.now())


def weekdays(count: int) -> list[datetime]:
    return [FIRST_DAY + timedelta(days=7 * (i // 5) + i % 5) for i in range(count)]


def candle(position: int) -> str:
    """The date of the bar at this position, as the API writes it."""
    return weekdays(position + 1)[-1].strftime("%Y-%m-%dT%H:%M:%SZ")

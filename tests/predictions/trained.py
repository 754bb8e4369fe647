"""A model of 400 made-up candles, trained at the 300th, and what comes after them."""

from datetime import UTC, datetime

from instruments.models import PriceBar, Series
from tests.market import candle, make_series, weekdays
from tests.training.carrying import carried
from training.models import TrainingRun

BARS = 400
CANDLE = 300


def trained(symbol: str = "SPY", **asked: object) -> TrainingRun:
    if not Series.objects.filter(instrument__symbol=symbol).exists():
        make_series(symbol, bars=BARS)
    return carried({"candle_date": candle(CANDLE), "symbol": symbol, "timeframe": "1d", **asked})


def add_bar(series: Series, close: float) -> datetime:
    """The next weekday's bar of a series of BARS."""
    at = weekdays(series.rows + 1)[-1]
    PriceBar.objects.create(
        series=series,
        timestamp=at,
        open=close,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=1_500_000,
        adj_close=close,
        source="made up",
    )
    series.rows, series.last, series.updated_at = series.rows + 1, at, datetime.now(UTC)
    series.save()
    return at

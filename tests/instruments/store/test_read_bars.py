from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from instruments.imports.services import bars_write
from instruments.quant.bars import Bars
from instruments.store.read_bars import UnknownSeries, default_symbol, load_bars, series_get
from tests.instruments.bars import empty, walk
from tests.market import make_series

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
FIELDS = ("time", "open", "high", "low", "close", "volume", "adj_close")


def test_it_gives_back_what_was_stored_to_the_bit() -> None:
    series, bars = empty(), walk(7_000)
    bars_write(series=series, bars=bars, source="test")
    bars_write(series=empty("Y"), bars=walk(10, seed=2), source="test")
    found = load_bars(series)
    for name in FIELDS:
        assert np.array_equal(getattr(found, name), getattr(bars, name)), name
        assert getattr(found, name).flags.c_contiguous and getattr(found, name).dtype.isnative


def test_it_loads_a_part_and_some_bars_before_it() -> None:
    series, bars = empty(), walk(300)
    bars_write(series=series, bars=bars, source="test")
    start, end = (datetime.fromtimestamp(int(bars.time[i]), UTC) for i in (100, 200))
    assert load_bars(series, start=start, end=end).time.tolist() == bars.time[100:201].tolist()
    assert load_bars(series, start=start, end=end, before=50).time.tolist() == bars.time[50:201].tolist()
    assert load_bars(series, start=start, end=end, before=500).time.tolist() == bars.time[:201].tolist()
    assert len(load_bars(series, start=start + timedelta(seconds=1), end=end)) == 100
    assert len(load_bars(series, start=datetime(2050, 1, 1, tzinfo=UTC))) == 0
    assert len(load_bars(empty("Y"))) == 0


def test_it_says_what_there_is_when_a_series_is_unknown() -> None:
    with pytest.raises(UnknownSeries, match="Upload some on the page Data"):
        series_get("SPY", "1d")
    make_series("SPY", bars=5)
    with pytest.raises(UnknownSeries, match="Known: SPY"):
        series_get("QQQ", "1d")
    with pytest.raises(UnknownSeries, match="It has: 1d"):
        series_get("SPY", "1h")
    assert series_get("SPY", "1d").instrument.symbol == "SPY"


def test_it_prefers_spy_unless_told_otherwise(settings: Any) -> None:
    assert default_symbol() == ""
    make_series("AAPL", bars=5)
    assert default_symbol() == "AAPL"
    make_series("SPY", bars=5)
    assert default_symbol() == "SPY"
    settings.DEFAULT_SYMBOL = "IBM"
    assert default_symbol() == "IBM"


def test_it_adjusts_prices_and_leaves_volume() -> None:
    bars = walk(50)
    adjusted = bars.adjusted()
    assert np.allclose(adjusted.close, bars.adj_close, rtol=1e-15)
    assert np.allclose(adjusted.high / adjusted.close, bars.high / bars.close, rtol=1e-14)
    assert (adjusted.high >= adjusted.close).all() and (adjusted.low <= adjusted.close).all()
    assert np.array_equal(adjusted.volume, bars.volume)
    again = adjusted.adjusted()
    assert all(np.array_equal(getattr(again, name), getattr(adjusted, name)) for name in FIELDS)


def test_it_leaves_unadjusted_prices_to_the_bit() -> None:
    raw = walk(50)
    bars = Bars(raw.time, raw.open, raw.high, raw.low, raw.close, raw.volume, raw.close)
    assert all(np.array_equal(getattr(bars.adjusted(), name), getattr(bars, name)) for name in FIELDS)

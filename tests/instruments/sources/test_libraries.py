"""Yahoo by yfinance and exchanges by ccxt: adjustments, rows that are not there yet, pages."""

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from instruments.imports.trial import checked_bars
from instruments.quant.actions import DIVIDEND, SPLIT, Prices
from instruments.quant.bars import Bars
from instruments.sources.base import Fetched
from instruments.sources.errors import BadAnswer, UnknownSymbol
from tests.instruments.sources.cases import CASES, COINBASE_BARS, TIINGO, YAHOO, YAHOO_BARS
from tests.instruments.sources.vendor import Asked, Reply, Vendor, data, query

DAY = 86_400
FIRST = 1_401_926_400  # 2014-06-05
DURING, AFTER = 1_402_330_000.0, 1_402_350_000.0  # the session of 2014-06-09, and after it


def days_of(bars: Bars) -> list[str]:
    return [str(day) for day in bars.time.astype("datetime64[s]").astype("datetime64[D]")]


def bars_of(fetched: Fetched, symbol: str = "AAPL", **more: Any) -> Bars:
    return checked_bars(fetched, query(symbol, **more)).bars[symbol]


def yahoo(shop: Vendor, now: float = AFTER, **changes: Any) -> Fetched:
    """With columns of its quotes changed."""
    shop.routes |= CASES["yahoo"].replies
    chart = json.loads(json.dumps(YAHOO))
    chart["chart"]["result"][0]["indicators"]["quote"][0].update(changes)
    shop.routes[YAHOO_BARS] = data(chart)
    return CASES["yahoo"].kind.fetch(query(now=now), shop.http(*CASES["yahoo"].hosts))


def test_yahoos_prices_are_brought_back_to_what_was_traded(shop: Vendor) -> None:
    fetched = yahoo(shop)
    bars = bars_of(fetched)
    assert fetched.prices is Prices.AS_TRADED and days_of(bars) == ["2014-06-05", "2014-06-06", "2014-06-09"]
    for column in ("open", "close", "volume"):
        assert getattr(bars, column) == pytest.approx([float(str(record[column])) for record in TIINGO])
    assert bars.adj_close == pytest.approx([float(str(record["adjClose"])) for record in TIINGO])
    actions = {action.kind: action for action in fetched.actions}
    assert (actions[SPLIT].ex_day, actions[SPLIT].ratio) == ("2014-06-09", 7.0)
    assert (actions[DIVIDEND].ex_day, actions[DIVIDEND].amount) == ("2014-06-06", pytest.approx(3.29))


def test_yahoos_day_is_left_out_until_its_session_is_over(shop: Vendor) -> None:
    assert days_of(bars_of(yahoo(shop, DURING))) == ["2014-06-05", "2014-06-06"]


def test_yahoos_empty_last_row_is_not_there_yet_and_an_empty_one_between_is_bad(shop: Vendor) -> None:
    """ranaroussi/yfinance#2925: the newest rows as NaN, or missing."""
    none = dict.fromkeys(("open", "high", "low", "close", "volume"))
    last = {name: [100.0, 100.0, None] for name in none}
    assert checked_bars(yahoo(shop, **last), query()).bad == 0
    between = {name: [100.0, None, 100.0] for name in none}
    checked = checked_bars(yahoo(shop, **between), query())
    assert (checked.bad, days_of(checked.bars["AAPL"])) == (1, ["2014-06-05", "2014-06-09"])


def test_yahoo_says_why_it_has_nothing(shop: Vendor) -> None:
    """The body of its 404, as yfinance reads `error`."""
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    with pytest.raises(UnknownSymbol, match="may be delisted"):
        CASES["yahoo"].fetch(shop, bars=data({"chart": {"result": None, "error": error}}, 404))


def candles(asked: Asked, *, size: int = 10, gap: tuple[int, int] = (0, 0)) -> Reply:
    """As Coinbase answers: from `start`, `size` at most, newest first; none for the days of the gap."""
    start = int(np.datetime64(asked.query["start"].rstrip("Z"), "s").astype(int)) // DAY
    days = [day for day in range(start, start + size) if not gap[0] <= day - FIRST // DAY < gap[1]]
    return data([[day * DAY, 640, 660, 650, 655, 100] for day in reversed(days)])


def exchange(shop: Vendor, route: Any, **more: Any) -> Fetched:
    case = CASES["exchange"]
    shop.routes |= {**case.replies, COINBASE_BARS: route}
    asked = {"start": date(2014, 6, 5), "end": date(2014, 7, 4), "options": {"exchange": "coinbaseexchange"}, **more}
    return case.kind.fetch(query("BTC-USD", **asked), shop.http(*case.hosts))


def test_an_exchange_is_asked_page_by_page(shop: Vendor) -> None:
    bars = bars_of(exchange(shop, lambda asked: candles(asked, gap=(12, 15))), "BTC-USD")
    days = [str(day) for day in np.arange("2014-06-05", "2014-07-05", dtype="datetime64[D]")]
    assert days_of(bars) == days[:12] + days[15:]  # what is left out is a gap
    asked = [asked.query["start"][:10] for asked in shop.asked if asked.path == COINBASE_BARS]
    assert asked == ["2014-06-05", "2014-06-15", "2014-06-25"]


def test_an_exchange_that_brings_nothing_new_is_not_asked_for_ever(shop: Vendor) -> None:
    """Some answer with their first candles whatever is asked, others with nothing."""
    same = data([[FIRST + day * DAY, 640, 660, 650, 655, 100] for day in range(3)])
    assert len(bars_of(exchange(shop, same), "BTC-USD")) == 3
    assert len([asked for asked in shop.asked if asked.path == COINBASE_BARS]) == 2


def test_an_exchanges_open_candle_is_left_out(shop: Vendor) -> None:
    now = FIRST + 2.5 * DAY
    bars = bars_of(exchange(shop, candles, now=now), "BTC-USD")
    assert days_of(bars) == ["2014-06-05", "2014-06-06"]
    closed = bars_of(exchange(shop, candles, now=FIRST + 3.0 * DAY), "BTC-USD")
    assert days_of(closed)[-1] == "2014-06-07"


def test_an_exchange_has_no_other_markets_and_timeframes(shop: Vendor) -> None:
    for wrong, error in (
        ({"options": {"exchange": "nosuchexchange"}}, BadAnswer),
        ({"timeframe": "1w"}, BadAnswer),
    ):
        with pytest.raises(error):
            exchange(shop, candles, **wrong)
    with pytest.raises(UnknownSymbol, match="no market"):
        shop.routes["/products"] = data([])
        CASES["exchange"].kind.fetch(
            query("ETH/USD", options={"exchange": "coinbaseexchange"}), shop.http(*CASES["exchange"].hosts)
        )

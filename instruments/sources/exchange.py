"""Candles of crypto exchanges by ccxt, which knows some hundred of them.

Page by page from the last candle on, not by ccxt's own `paginate`, which loses old ones (ccxt/ccxt#26252); until a page
brings nothing new. The candle that is still open is left out by the clock; what an exchange leaves out is a gap.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from instruments.quant.actions import Prices
from instruments.sources.base import Fetched, Option, Query, SourceKind, read_bars
from instruments.sources.errors import (
    BadAnswer,
    KeyRefused,
    RateLimited,
    SourceDown,
    SourceError,
    UnknownSymbol,
    quoted,
)
from instruments.sources.http import Answer, Http

_LENGTH = {"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000, "1w": 604_800_000}  # milliseconds
_MOST_PAGES = 1_000
_HEADER = ("date", "open", "high", "low", "close", "volume")


def name_problem(name: str) -> str:
    return "" if re.fullmatch(r"[a-z0-9]{2,30}", name) else "Must be a name as ccxt has it, as binance or kraken."


def fetch(query: Query, http: Http) -> Fetched:
    """As many calls as there are pages. A symbol is written BTC/USDT, or BTC-USDT."""
    ccxt = import_module("ccxt")
    name = query.options["exchange"]
    if name not in ccxt.exchanges:
        raise BadAnswer(f"ccxt knows no exchange {name}.")
    exchange = getattr(ccxt, name)()
    exchange.session = http.session
    exchange.on_rest_response = _looked_at(name)
    symbol = query.symbol if "/" in query.symbol else query.symbol.replace("-", "/", 1)
    if query.timeframe not in exchange.timeframes:
        raise BadAnswer(f"{name} has no candles of {query.timeframe}.")
    try:
        candles = _pages(exchange, symbol, query)
    except SourceError:
        raise
    except (ccxt.RateLimitExceeded, ccxt.DDoSProtection) as error:
        raise RateLimited(f"{name} was asked too often. It says: “{quoted(str(error))}”") from None
    except ccxt.AuthenticationError as error:
        raise KeyRefused(f"{name} wants a key. It says: “{quoted(str(error))}”") from None
    except ccxt.BadSymbol:
        raise UnknownSymbol(f"{name} has no market {symbol}.") from None
    except ccxt.NetworkError as error:
        raise SourceDown(f"{name} can't be reached, or has a fault of its own: “{quoted(str(error))}”") from None
    except ccxt.BaseError as error:
        raise BadAnswer(f"{name} gave no candles but “{quoted(str(error))}”") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer(f"{name}'s candles have other columns than ccxt knows ({quoted(repr(error))}).") from None
    return Fetched(read_bars(name, _HEADER, _rows(candles), query), Prices.AS_TRADED)


def _looked_at(name: str) -> Callable[..., str]:
    """What ccxt calls with each body before it reads it: a page of HTML isn't let through."""

    def look(code: int, *others: Any) -> str:
        body: str = others[4]  # after reason, address, method and headers
        if code == 200 and body.lstrip().startswith("<"):
            raise Answer(name, body.encode(), "text/html").no_data()
        return body.strip()

    return look


def _pages(exchange: Any, symbol: str, query: Query) -> dict[int, list[Any]]:
    """Closed candles from the start to the end, by their time in milliseconds."""
    length, candles = _LENGTH[query.timeframe], dict[int, list[Any]]()
    start = _milliseconds(query.start)
    end = min(
        _milliseconds(query.end + timedelta(days=1)), int(query.now * 1000) - length + 1
    )  # of a candle's beginning
    since = start
    for _ in range(_MOST_PAGES):
        page = exchange.fetch_ohlcv(symbol, query.timeframe, since)
        if not isinstance(page, list):
            raise BadAnswer(f"{exchange.id} gave something else than candles.")
        fresh = {candle[0]: candle for candle in page if candle[0] is not None and candle[0] >= since}
        candles |= {at: candle for at, candle in fresh.items() if at < end}
        if not fresh or max(fresh) + length >= end:
            break
        since = max(fresh) + length
    return candles


def _rows(candles: dict[int, list[Any]]) -> list[tuple[int, list[Any]]]:
    """Times as texts: seconds alone would be taken for whatever they look like."""
    at = [datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for time in sorted(candles)]
    return [(n, [text, *candles[time][1:6]]) for n, (text, time) in enumerate(zip(at, sorted(candles), strict=True), 1)]


def _milliseconds(day: Any) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


KIND = SourceKind(
    name="exchange",
    label="Crypto exchange",
    about="Candles of an exchange that ccxt knows, of each pair as BTC/USDT; without a key.",
    fetch=fetch,
    prices=Prices.AS_TRADED,
    zone="UTC",
    calls_a_minute=60,
    options=(
        Option("exchange", "Exchange", help="As ccxt calls it: binance, kraken, coinbaseexchange", check=name_problem),
    ),
    timeframes=("1d", "1h", "4h", "1w"),
    package="ccxt",
)

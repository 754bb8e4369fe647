"""For each kind of source: how it is asked, what it answers when all is well, and how that answer goes wrong.

The failures that every source must survive are in test_failures.py; a kind that isn't here isn't offered.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from instruments.sources.base import Fetched, Key, SourceKind
from instruments.sources.registry import KINDS
from tests.instruments.sources.vendor import Reply, Route, Vendor, data, query, text

KEY = "0123-secret-key"


@dataclass(frozen=True)
class Case:
    """A vendor whose answers about AAPL are `replies`, by path.

    `bars` is the path that the bars come from. `renamed` is its answer with another name for the close, `other` with
    bars of MSFT, `quota` what it says with status 200 when a quota is used up, each as its users report it. Where
    `other` is None an answer doesn't name its symbol: then only prices that don't move as the stored ones tell.
    """

    kind: SourceKind
    hosts: tuple[str, ...]
    replies: Mapping[str, Reply]
    bars: str
    renamed: Reply
    quota: Reply
    empty: Reply
    other: Reply | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    ok: Callable[[Vendor], Mapping[str, str]] = lambda shop: {}  # options that hold the server's address

    def fetch(self, shop: Vendor, **changed: Route) -> Fetched:
        """With the answer at `bars` replaced where `bars=` says so."""
        shop.routes |= {**self.replies, **({self.bars: changed["bars"]} if "bars" in changed else {})}
        options = {option.name: option.default for option in self.kind.options} | {**self.options, **self.ok(shop)}
        key = "" if self.kind.key is Key.NONE else KEY
        return self.kind.fetch(query(options=options, key=key, **self.asked), shop.http(*self.hosts))


# A file as Stooq, Yahoo and Nasdaq write them, with and without a column of symbols.
FILE = """Date,Open,High,Low,Close,Volume
2014-06-05,646.20,649.37,642.61,647.35,75951141
2014-06-06,649.90,651.26,644.47,645.57,87484600
2014-06-09,92.70,93.88,91.75,93.70,75415000
"""

# tests/fixtures/ticker_price_with_date.yaml of hydrosquall/tiingo-python, a recorded answer: its fields in their order.
# The figures are AAPL's around its split of 7:1, with a dividend made up on the day before.
TIINGO = [
    {
        **{"date": f"{day}T00:00:00.000Z", "close": close, "high": high, "low": low, "open": opening, "volume": volume},
        **{"adjClose": close / factor / 5, "adjHigh": high / factor / 5, "adjLow": low / factor / 5},
        **{"adjOpen": opening / factor / 5, "adjVolume": volume * factor, "divCash": cash, "splitFactor": split},
    }
    for day, opening, high, low, close, volume, factor, cash, split in (
        ("2014-06-05", 646.2, 649.37, 642.61, 647.35, 10850163, 7, 0.0, 1.0),
        ("2014-06-06", 649.9, 651.26, 644.47, 645.57, 12497800, 7, 3.29, 1.0),
        ("2014-06-09", 92.7, 93.88, 91.75, 93.7, 75415000, 1, 0.0, 7.0),
    )
]
TIINGO_BARS = "/tiingo/daily/AAPL/prices"

# https://eodhd.com/financial-apis/api-for-historical-data-and-volumes and the schema EodBar of api-evangelist/eodhd:
# prices raw, "Volume adjusted for splits". The list of splits as https://eodhd.com/financial-apis/api-splits-dividends.
EODHD = [
    {
        **{"date": record["date"][:10], "open": record["open"], "high": record["high"], "low": record["low"]},
        **{"close": record["close"], "adjusted_close": round(record["adjClose"], 4), "volume": record["adjVolume"]},
    }
    for record in TIINGO
]
EODHD_SPLITS = [{"date": "2014-06-09", "split": "7.000000/1.000000"}]
# "currency" and "unadjustedValue": https://eodhd.com/financial-apis-blog/dividends-api-unadjusted-value-and-currency
EODHD_DIVIDENDS = [
    {"date": "2014-06-06", "period": "Quarterly", "value": 0.47, "unadjustedValue": 3.29, "currency": "USD"}
]
EODHD_BARS = "/api/eod/AAPL.US"

# https://www.alphavantage.co/documentation/#dailyadj: numbers are texts, newest first.
ALPHAVANTAGE = {
    "Meta Data": {
        "1. Information": "Daily Time Series with Splits and Dividend Events",
        "2. Symbol": "AAPL",
        "3. Last Refreshed": "2014-06-09",
        "4. Output Size": "Full size",
        "5. Time Zone": "US/Eastern",
    },
    "Time Series (Daily)": {
        record["date"][:10]: {
            **{"1. open": f"{record['open']:.4f}", "2. high": f"{record['high']:.4f}"},
            **{"3. low": f"{record['low']:.4f}", "4. close": f"{record['close']:.4f}"},
            **{"5. adjusted close": f"{record['adjClose']:.12f}", "6. volume": str(record["volume"])},
            **{
                "7. dividend amount": f"{record['divCash']:.4f}",
                "8. split coefficient": f"{record['splitFactor']:.1f}",
            },
        }
        for record in reversed(TIINGO)
    },
}

# https://massive.com/docs/rest/stocks/aggregates/custom-bars, and AggResponse of the crate polygon_io: `results` is
# left out where there are none. A day's time is its midnight in New York, in milliseconds.
MASSIVE: dict[str, Any] = {
    "adjusted": True,
    "queryCount": 3,
    "request_id": "6a7e466379af0a71039d60cc78e72282",
    "results": [
        {
            **{"c": record["close"] / factor, "h": record["high"] / factor, "l": record["low"] / factor, "n": 1},
            **{"o": record["open"] / factor, "t": time, "v": record["adjVolume"], "vw": record["close"] / factor},
        }
        for record, factor, time in zip(TIINGO, (7, 7, 1), (1401940800000, 1402027200000, 1402286400000), strict=True)
    ],
    "resultsCount": 3,
    "status": "OK",
    "ticker": "AAPL",
}
MASSIVE_BARS = "/v2/aggs/ticker/AAPL/range/1/day/2014-06-02/2014-06-13"


# The chart API as yfinance reads it (yfinance/scrapers/history.py, utils.parse_quotes): prices, volumes and dividends
# adjusted for splits (ranaroussi/yfinance#2611), splits among its events.
YAHOO_TIMES = (1401975000, 1402061400, 1402320600)  # 9:30 in New York
YAHOO_META = {
    **{"currency": "USD", "symbol": "AAPL", "exchangeName": "NMS", "instrumentType": "EQUITY", "gmtoffset": -14400},
    **{"timezone": "EDT", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d", "range": ""},
    **{"validRanges": ["1d", "5d", "max"], "firstTradeDate": 345479400, "priceHint": 2},
    "currentTradingPeriod": {
        name: {"timezone": "EDT", "start": start, "end": start + 23400, "gmtoffset": -14400}
        for name, start in (("pre", 1402300800), ("regular", 1402320600), ("post", 1402344000))
    },
}
_SHORT = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
YAHOO = {
    "chart": {
        "result": [
            {
                "meta": YAHOO_META,
                "timestamp": YAHOO_TIMES,
                "events": {
                    "dividends": {"1402061400": {"amount": 0.47, "date": 1402061400}},
                    "splits": {
                        "1402320600": {"date": 1402320600, "numerator": 7, "denominator": 1, "splitRatio": "7:1"}
                    },
                },
                "indicators": {
                    "quote": [{name: [bar[short] for bar in MASSIVE["results"]] for name, short in _SHORT.items()}],
                    "adjclose": [{"adjclose": [record["adjClose"] for record in TIINGO]}],
                },
            }
        ],
        "error": None,
    }
}
YAHOO_BARS = "/v8/finance/chart/AAPL"
YAHOO_HOSTS = ("fc.yahoo.com", "query1.finance.yahoo.com", "query2.finance.yahoo.com", "guce.yahoo.com")
YAHOO_NOTHING = {"chart": {"result": [{"meta": YAHOO_META, "indicators": {"quote": [{}]}}], "error": None}}

# ccxt's own comments in coinbaseexchange.py (fetch_markets, fetch_currencies, fetch_ohlcv): newest first, as
# [time, low, high, open, close, volume].
COINBASE_MARKET = {
    **{"id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "base_min_size": "0.000016"},
    **{"base_max_size": "1500", "quote_increment": "0.01", "base_increment": "0.00000001", "display_name": "BTC/USD"},
    **{"min_market_funds": "1", "max_market_funds": "20000000", "margin_enabled": False, "fx_stablecoin": False},
    **{"max_slippage_percentage": "0.02000000", "post_only": False, "limit_only": False, "cancel_only": False},
    **{"trading_disabled": False, "status": "online", "status_message": "", "auction_mode": False},
}
COINBASE = [[1401926400 + day * 86400, 640 + day, 660 + day, 650 + day, 655 + day, 100 + day] for day in (2, 1, 0)]
COINBASE_BARS = "/products/BTC-USD/candles"
_NAMED = ("time", "low", "high", "open", "last", "volume")


def renamed(value: Any, old: str, new: str) -> Reply:
    return text(json.dumps(value).replace(f'"{old}"', f'"{new}"'))


CASES: dict[str, Case] = {
    "file_url": Case(
        kind=KINDS["file_url"],
        hosts=(),
        replies={"/AAPL.csv": text(FILE)},
        bars="/AAPL.csv",
        renamed=text(FILE.replace("Close", "Settle")),
        # What users report of Stooq, with status 200.
        quota=text("Exceeded the daily hits limit"),
        empty=text("Date,Open,High,Low,Close,Volume\n"),
        other=text("Symbol,Date,Open,High,Low,Close\nMSFT,2014-06-05,40,41,39,40.5\n"),
        ok=lambda shop: {"url": shop.url + "/{symbol}.csv?key={key}"},
    ),
    "tiingo": Case(
        kind=KINDS["tiingo"],
        hosts=("api.tiingo.com",),
        replies={TIINGO_BARS: data(TIINGO)},
        bars=TIINGO_BARS,
        renamed=renamed(TIINGO, "close", "last"),
        # hydrosquall/tiingo-python#45: this text, no JSON, with status 200.
        quota=text(
            "You have run over your 500 symbol look up for this month. Please upgrade at https://api.tiingo.com/"
        ),
        empty=data([]),
    ),
    "eodhd": Case(
        kind=KINDS["eodhd"],
        hosts=("eodhd.com",),
        replies={
            EODHD_BARS: data(EODHD),
            "/api/splits/AAPL.US": data(EODHD_SPLITS),
            "/api/div/AAPL.US": data(EODHD_DIVIDENDS),
        },
        bars=EODHD_BARS,
        renamed=renamed(EODHD, "close", "last"),
        # Its users' programs compare the body with this text (find_string), some with status 200, some with 402.
        quota=text("You exceeded your daily API requests limit.  Please contact support@eodhistoricaldata.com"),
        empty=data([]),
    ),
    "alphavantage": Case(
        kind=KINDS["alphavantage"],
        hosts=("www.alphavantage.co",),
        replies={"/query": data(ALPHAVANTAGE)},
        bars="/query",
        renamed=renamed(ALPHAVANTAGE, "4. close", "4. last"),
        # Status 200; it repeats the key (find_string: logs of its users).
        quota=data(
            {
                "Information": f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests "
                "per day. Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to "
                "instantly remove all daily rate limits."
            }
        ),
        empty=data({**ALPHAVANTAGE, "Time Series (Daily)": {}}),
        other=renamed(ALPHAVANTAGE, "AAPL", "MSFT"),
    ),
    "massive": Case(
        kind=KINDS["massive"],
        hosts=("api.massive.com",),
        replies={MASSIVE_BARS: data(MASSIVE)},
        bars=MASSIVE_BARS,
        renamed=renamed(MASSIVE, "c", "x"),
        # Comes with 429 (its users' programs, find_string); here with 200, as a proxy might.
        quota=data(
            {
                "status": "ERROR",
                "request_id": "a",
                "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to "
                "continue. https://massive.com/pricing",
            }
        ),
        empty=data({name: value for name, value in MASSIVE.items() if name != "results"}),
        other=renamed(MASSIVE, "AAPL", "MSFT"),
    ),
    "yahoo": Case(
        kind=KINDS["yahoo"],
        hosts=YAHOO_HOSTS,
        replies={YAHOO_BARS: data(YAHOO), "/v1/test/getcrumb": text("a1b2c3")},
        bars=YAHOO_BARS,
        renamed=renamed(YAHOO, "close", "last"),
        # Its users report "Edge: Too Many Requests", a text where JSON should be.
        quota=text("Edge: Too Many Requests, limit exceeded"),
        empty=data(YAHOO_NOTHING),
        other=renamed(YAHOO, "AAPL", "MSFT"),
    ),
    "exchange": Case(
        kind=KINDS["exchange"],
        hosts=("api.exchange.coinbase.com",),
        replies={"/products": data([COINBASE_MARKET]), "/currencies": data([]), COINBASE_BARS: data(COINBASE)},
        bars=COINBASE_BARS,
        renamed=data([dict(zip(_NAMED, row, strict=True)) for row in COINBASE]),
        quota=data({"message": "Public rate limit exceeded"}),
        empty=data([]),
        options={"exchange": "coinbaseexchange"},
        asked={"symbol": "BTC/USD"},
    ),
}

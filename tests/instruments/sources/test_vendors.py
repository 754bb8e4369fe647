"""What is particular to a vendor: adjustments, actions, how it refuses, where the key goes."""

import json
from typing import Any

import numpy as np
import pytest

from instruments.imports.trial import checked_bars
from instruments.quant.actions import DIVIDEND, SPLIT, Action, Prices
from instruments.quant.bars import Bars
from instruments.sources.base import Fetched
from instruments.sources.errors import BadAnswer, KeyRefused, RateLimited, SourceError, UnknownSymbol
from tests.instruments.sources.cases import ALPHAVANTAGE, CASES, EODHD, KEY, MASSIVE, TIINGO
from tests.instruments.sources.vendor import Reply, Vendor, data, query, text

DAYS = ["2014-06-05", "2014-06-06", "2014-06-09"]
TRADED = {name: np.array([float(record[name]) for record in TIINGO]) for name in ("open", "close", "volume")}
ACTIONS = (Action("AAPL", "2014-06-06", DIVIDEND, amount=3.29), Action("AAPL", "2014-06-09", SPLIT, ratio=7.0))


def bars_of(fetched: Fetched) -> Bars:
    return checked_bars(fetched, query()).bars["AAPL"]


@pytest.mark.parametrize("name", ["tiingo", "eodhd", "alphavantage"])
def test_it_gives_prices_and_volumes_as_traded_with_their_actions(shop: Vendor, name: str) -> None:
    """EODHD's volumes come adjusted for splits."""
    fetched = CASES[name].fetch(shop)
    bars = bars_of(fetched)
    assert fetched.prices is Prices.AS_TRADED
    assert bars.time.astype("datetime64[s]").astype("datetime64[D]").astype(str).tolist() == DAYS
    for column, expected in TRADED.items():
        assert getattr(bars, column) == pytest.approx(expected)
    assert bars.adj_close == pytest.approx([647.35 / 35, 645.57 / 35, 93.7 / 5], abs=1e-4)
    assert sorted(fetched.actions, key=lambda action: action.ex_day) == list(ACTIONS)


def test_massive_gives_prices_adjusted_for_splits_and_days_of_new_york(shop: Vendor) -> None:
    fetched = CASES["massive"].fetch(shop)
    bars = bars_of(fetched)
    assert (fetched.prices, fetched.actions) == (Prices.SPLIT, ())
    assert bars.close == pytest.approx([647.35 / 7, 645.57 / 7, 93.7])
    assert bars.time.astype("datetime64[s]").astype("datetime64[D]").astype(str).tolist() == DAYS


def test_massive_refuses_what_it_did_not_ask_for(shop: Vendor) -> None:
    for changed in ({"adjusted": False}, {"next_url": "https://api.massive.com/v2/aggs?cursor=a"}):
        with pytest.raises(BadAnswer, match="not all of them"):
            CASES["massive"].fetch(shop, bars=data({**MASSIVE, **changed}))
    assert len(CASES["massive"].fetch(shop, bars=data({**MASSIVE, "status": "DELAYED"})).table) == 3


@pytest.mark.parametrize(
    ("name", "header"),
    [("tiingo", f"Token {KEY}"), ("massive", f"Bearer {KEY}"), ("eodhd", None), ("alphavantage", None)],
)
def test_it_sends_the_key_where_the_vendor_wants_it(shop: Vendor, name: str, header: str | None) -> None:
    CASES[name].fetch(shop)
    for asked in shop.asked:
        assert asked.headers.get("Authorization") == header
        assert (KEY in asked.query.values()) == (header is None)
        assert asked.host in CASES[name].hosts


def test_it_asks_for_the_days_that_are_wanted(shop: Vendor) -> None:
    for name in ("tiingo", "eodhd"):
        CASES[name].fetch(shop)
    tiingo, bars, splits, dividends = [asked.query for asked in shop.asked]
    assert (tiingo["startDate"], tiingo["endDate"]) == ("2014-06-02", "2014-06-13")
    assert (bars["from"], bars["to"]) == (dividends["from"], dividends["to"]) == ("2014-06-02", "2014-06-13")
    assert (splits["from"], splits["to"]) == ("2014-06-02", "2030-01-01")  # a later split adjusts volumes as well


def test_alphavantage_gives_the_days_that_are_wanted(shop: Vendor) -> None:
    """It takes no dates: the last 100 bars, or all."""
    case = CASES["alphavantage"]
    case.fetch(shop)
    assert shop.asked[0].query["outputsize"] == "full"
    old = {**ALPHAVANTAGE["Time Series (Daily)"], "2014-05-30": {}}
    assert len(case.fetch(shop, bars=data({**ALPHAVANTAGE, "Time Series (Daily)": old})).table) == 3


def test_shares_of_a_class_have_the_vendors_name(shop: Vendor) -> None:
    for name, path in (("tiingo", "/tiingo/daily/BRK-B/prices"), ("eodhd", "/api/eod/BRK-B.US")):
        with pytest.raises(UnknownSymbol):
            CASES[name].kind.fetch(query("BRK.B", options={"exchange": "US"}), shop.http(*CASES[name].hosts))
        assert shop.asked[-1].path == path


REFUSALS: list[tuple[str, Reply, type[SourceError]]] = [
    # {"detail": …}: common.yaml#/ErrorResponse of tiingo-python's openapi; the texts as its users' programs have them.
    ("tiingo", data({"detail": "Error: Ticker 'AAPL' not found"}, 404), UnknownSymbol),
    ("tiingo", data({"detail": "Error: You have run over your hourly request allocation."}, 429), RateLimited),
    ("tiingo", data({"detail": "Invalid token."}, 401), KeyRefused),
    ("tiingo", data({"detail": "Please supply a token"}), BadAnswer),
    # Status and texts as its users' programs have them (find_string: "You exceeded your daily API requests limit").
    ("eodhd", text("Unauthenticated", 401), KeyRefused),
    ("eodhd", text("Ticker Not Found.", 404), UnknownSymbol),
    ("eodhd", text("You exceeded your daily API requests limit.", 402), RateLimited),
    ("eodhd", text("Forbidden. Please contact support@eodhistoricaldata.com", 403), KeyRefused),
    # All with status 200 (find_string: "apikey is invalid or missing", "rate limit is 25 requests per day").
    ("alphavantage", data({"Error Message": "the parameter apikey is invalid or missing."}), KeyRefused),
    ("alphavantage", data({"Error Message": "Invalid API call. Please retry"}), UnknownSymbol),
    ("alphavantage", data({"Note": "Our standard API call frequency is 5 calls per minute"}), RateLimited),
    ("alphavantage", data({"Information": "Thank you for using it! This is a premium endpoint."}), KeyRefused),
    ("alphavantage", data({"Information": "The **demo** API key is for demo purposes only."}), KeyRefused),
    ("alphavantage", data({}), BadAnswer),
    ("alphavantage", data([]), BadAnswer),
    # Status and texts as its users report them (find_string; "HTTP 403 NOT_AUTHORIZED").
    ("massive", data({"status": "ERROR", "request_id": "a", "error": "Unknown API Key"}, 401), KeyRefused),
    ("massive", data({"status": "NOT_AUTHORIZED", "message": "not in your plan"}, 403), KeyRefused),
    ("massive", data({"status": "NOT_AUTHORIZED", "message": "upgrade your plan"}), BadAnswer),
    ("massive", data([]), BadAnswer),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reply", "error"), REFUSALS)
def test_it_tells_refusals_apart(shop: Vendor, name: str, reply: Reply, error: type[SourceError]) -> None:
    with pytest.raises(error) as raised:
        CASES[name].fetch(shop, bars=reply)
    assert type(raised.value) is error


def test_eodhd_refuses_where_its_splits_are_missing(shop: Vendor) -> None:
    """Without them nobody could tell what was traded."""
    case = CASES["eodhd"]
    for reply, error in (
        (text("Forbidden", 403), KeyRefused),
        (data([{"date": "2014-06-09", "split": "seven"}]), BadAnswer),
        (data([{"date": "2014-06-09", "split": "7/0"}]), BadAnswer),
        (data([{"day": "2014-06-09"}]), BadAnswer),
        (data({"errors": 1}), BadAnswer),
    ):
        changed = {**case.replies, "/api/splits/AAPL.US": reply}
        with pytest.raises(error):
            type(case)(**{**vars(case), "replies": changed}).fetch(shop)


@pytest.mark.parametrize("name", ["tiingo", "eodhd", "alphavantage", "massive"])
@pytest.mark.parametrize("value", [None, "n/a", True, [], {}, 1e999, -1])
def test_a_number_that_is_none_is_a_bad_row_or_an_error(shop: Vendor, name: str, value: Any) -> None:
    """Whatever stands where the last close or volume should: told in words, never stored."""
    whole = {"tiingo": TIINGO, "eodhd": EODHD, "alphavantage": ALPHAVANTAGE, "massive": MASSIVE}[name]
    for field in ("close", "volume", "4. close", "6. volume", "7. dividend amount", "c", "v", "t", "divCash"):
        changed = json.loads(json.dumps(whole))
        rows = changed if isinstance(changed, list) else changed.get("results")
        last = rows[-1] if rows else changed["Time Series (Daily)"]["2014-06-09"]
        if field not in last:
            continue
        last[field] = value
        try:
            checked = checked_bars(CASES[name].fetch(shop, bars=data(changed)), query())
        except BadAnswer:
            continue
        bars = checked.bars["AAPL"]
        assert np.all(bars.close > 0) and np.all(bars.volume >= 0) and np.all(np.isfinite(bars.close))
        assert len(bars) == 3 or checked.bad == 1

"""Alpha Vantage's daily adjusted series: prices and volumes as traded, an adjusted close, splits and dividends.

It answers everything with status 200: a quota that is used up, a wrong key, an unknown symbol are told apart by the
body's first key (https://www.alphavantage.co/documentation/#dailyadj), and its texts may repeat the key.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from instruments.quant.actions import Prices
from instruments.sources.base import CALLS, Fetched, Key, Query, SourceKind, actions_of, read_records, require_fields
from instruments.sources.errors import KeyRefused, UnknownSymbol, WrongSymbol, quoted, refusal
from instruments.sources.http import Http

_FIELDS = {
    "date": "date",
    "1. open": "open",
    "2. high": "high",
    "3. low": "low",
    "4. close": "close",
    "5. adjusted close": "adj_close",
    "6. volume": "volume",
}
_DIVIDEND, _SPLIT = "7. dividend amount", "8. split coefficient"
_COMPACT = timedelta(days=130)  # of which the shorter answer, of 100 bars, holds all


def fetch(query: Query, http: Http) -> Fetched:
    """One call an instrument. Only the last 100 bars or all of twenty years can be asked for."""
    today = datetime.fromtimestamp(query.now, UTC).date()
    answer = http.get(
        KIND.label,
        "https://www.alphavantage.co/query",
        params={
            "function": "TIME_SERIES_DAILY_ADJUSTED",
            "symbol": query.symbol,
            "outputsize": "compact" if today - query.start < _COMPACT else "full",
            "apikey": query.key,
        },
        secret=query.key,
    )
    body = answer.json()
    series, meta = (body.get(name) if isinstance(body, dict) else None for name in ("Time Series (Daily)", "Meta Data"))
    if not isinstance(series, dict) or not isinstance(meta, dict):
        _refuse(body, query)
        raise answer.no_data()
    if meta.get("2. Symbol") != query.symbol:
        raise WrongSymbol(f"{KIND.label} gave bars of {str(meta.get('2. Symbol'))[:40]}, not of {query.symbol}.")
    first, last = query.start.isoformat(), query.end.isoformat()
    records = [{"date": day, **row} for day, row in series.items() if first <= day <= last and isinstance(row, dict)]
    table = read_records(KIND.label, records, _FIELDS, query)
    require_fields(KIND.label, records, (_DIVIDEND, _SPLIT))
    actions = actions_of(KIND.label, query.symbol, records, day="date", ratio=_SPLIT, amount=_DIVIDEND)
    return Fetched(table, Prices.AS_TRADED, actions)


def _refuse(body: Any, query: Query) -> None:
    """Raises what one of its three texts means; nothing where there is none of them."""
    if not isinstance(body, dict):
        return
    for name in ("Error Message", "Information", "Note"):
        if name not in body:
            continue
        said = f"“{quoted(str(body[name]), query.key)}”"
        if "apikey is invalid" in said or "premium endpoint" in said or "demo" in said:
            raise KeyRefused(f"{KIND.label} refuses the key, or what it covers. It says: {said}")
        if name == "Error Message":
            raise UnknownSymbol(f"{KIND.label} doesn't know {query.symbol}. It says: {said}")
        raise refusal(KIND.label, said)


KIND = SourceKind(
    name="alphavantage",
    label="Alpha Vantage",
    about="Daily bars of stocks, as traded, with splits and dividends. Needs a key of a plan with the adjusted series.",
    fetch=fetch,
    prices=Prices.AS_TRADED,
    zone="America/New_York",
    calls_a_minute=5,
    final_after=timedelta(hours=4),
    key=Key.NEEDED,
    key_label="API key",
    options=(CALLS,),
    refetch_on_action=True,
)

"""EODHD's end-of-day prices of exchanges all over the world: prices as traded, but volumes adjusted for splits.

So its list of splits is asked for as well, up to today, and volumes are brought back to what was traded
(https://eodhd.com/financial-apis/api-for-historical-data-and-volumes; its schema says "Volume adjusted for splits").
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from instruments.quant.actions import SPLIT, Action, Prices, split_factors
from instruments.sources.base import (
    Fetched,
    Key,
    Option,
    Query,
    SourceKind,
    actions_of,
    number_of,
    read_records,
    require_fields,
)
from instruments.sources.errors import BadAnswer
from instruments.sources.http import Http

_FIELDS = {
    "date": "date",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "adjusted_close": "adj_close",
}


def fetch(query: Query, http: Http) -> Fetched:
    """Three calls an instrument: bars, splits and dividends."""
    today = datetime.fromtimestamp(query.now, UTC).date()
    entries = _ask(query, http, "eod", {"to": query.end.isoformat(), "period": "d"})
    require_fields(KIND.label, entries, [*_FIELDS])
    actions = _splits(query, http, today.isoformat())
    factors = split_factors([str(record["date"]) for record in entries], actions)
    for record, factor in zip(entries, factors, strict=True):
        record["volume"] = number_of(KIND.label, record, "volume") / factor
    table = read_records(KIND.label, entries, _FIELDS, query)
    return Fetched(table, Prices.AS_TRADED, (*actions, *_dividends(query, http)))


def _ask(query: Query, http: Http, what: str, params: dict[str, str]) -> list[dict[str, Any]]:
    name = f"{query.symbol.replace('.', '-')}.{query.options['exchange']}"
    answer = http.get(
        KIND.label,
        f"https://eodhd.com/api/{what}/{quote(name, safe='')}",
        params={"api_token": query.key, "fmt": "json", "from": query.start.isoformat(), **params},
        secret=query.key,
    )
    entries = answer.json()
    if not isinstance(entries, list):
        raise answer.no_data()
    return entries


def _splits(query: Query, http: Http, today: str) -> list[Action]:
    entries = _ask(query, http, "splits", {"to": today})
    require_fields(KIND.label, entries, ("date", "split"))
    return [Action(query.symbol, str(record["date"]), SPLIT, ratio=_ratio(record["split"])) for record in entries]


def _ratio(text: object) -> float:
    """7.0 of "7.000000/1.000000"."""
    new, _, old = str(text).partition("/")
    try:
        return float(new) / float(old)
    except (ValueError, ZeroDivisionError):
        raise BadAnswer(f"{KIND.label} gave a split of {str(text)[:30]!r}, which is no ratio.") from None


def _dividends(query: Query, http: Http) -> tuple[Action, ...]:
    entries = _ask(query, http, "div", {"to": query.end.isoformat()})
    require_fields(KIND.label, entries, ("date", "unadjustedValue"))
    return actions_of(KIND.label, query.symbol, entries, day="date", amount="unadjustedValue")


KIND = SourceKind(
    name="eodhd",
    label="EODHD",
    about="Daily bars of exchanges all over the world, as traded, with splits and dividends. Needs a key whose "
    "plan has splits; three calls an instrument.",
    fetch=fetch,
    prices=Prices.AS_TRADED,
    calls_a_minute=1_000,
    final_after=timedelta(hours=3),
    key=Key.NEEDED,
    key_label="API token",
    options=(Option("exchange", "Exchange", default="US", help="EODHD's code, as US, LSE, PA, XETRA", longest=10),),
    refetch_on_action=True,
)

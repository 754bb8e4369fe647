"""Tiingo's end-of-day prices of US stocks and funds: as traded, with every split and dividend in its row.

Its adjusted close is rewritten by each action; exchanges send corrections until 20:00 in New York
(https://www.tiingo.com/documentation/end-of-day, §2.1.1).
"""

from datetime import time
from urllib.parse import quote

from instruments.quant.actions import Prices
from instruments.sources.base import CALLS, Fetched, Key, Query, SourceKind, actions_of, read_records, require_fields
from instruments.sources.http import Http

_FIELDS = {
    "date": "date",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "adjClose": "adj_close",
}


def fetch(query: Query, http: Http) -> Fetched:
    """One call an instrument, of any length. A class of shares is written with a dash: BRK.B is BRK-B."""
    name = quote(query.symbol.replace(".", "-").replace("/", "-"), safe="")
    answer = http.get(
        KIND.label,
        f"https://api.tiingo.com/tiingo/daily/{name}/prices",
        params={"startDate": query.start.isoformat(), "endDate": query.end.isoformat(), "format": "json"},
        headers={"Authorization": f"Token {query.key}"},
        secret=query.key,
    )
    records = answer.json()
    if not isinstance(records, list):  # {"detail": "…"}
        raise answer.no_data()
    table = read_records(KIND.label, records, _FIELDS, query)
    require_fields(KIND.label, records, ("divCash", "splitFactor"))
    actions = actions_of(KIND.label, query.symbol, records, day="date", ratio="splitFactor", amount="divCash")
    return Fetched(table, Prices.AS_TRADED, actions)


KIND = SourceKind(
    name="tiingo",
    label="Tiingo",
    about="Daily bars of US stocks, ETFs and funds, as traded, with their splits and dividends. Needs a key.",
    fetch=fetch,
    prices=Prices.AS_TRADED,
    zone="America/New_York",
    calls_a_minute=1,  # the free plan: 50 an hour
    final_at=time(20),
    key=Key.NEEDED,
    key_label="API token",
    options=(CALLS,),
    refetch_on_action=True,
)

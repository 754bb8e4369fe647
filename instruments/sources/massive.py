"""Massive, once Polygon: daily aggregates of US stocks, prices and volumes adjusted for splits only.

Dividends are in none of its bars; a split rewrites all that came before it
(https://massive.com/docs/rest/stocks/aggregates/custom-bars, its parameter `adjusted`).
"""

from datetime import time
from urllib.parse import quote

from instruments.quant.actions import Prices
from instruments.sources.base import (
    CALLS,
    Fetched,
    Key,
    Query,
    SourceKind,
    day_in,
    number_of,
    read_records,
    require_fields,
)
from instruments.sources.errors import BadAnswer, WrongSymbol
from instruments.sources.http import Http

_FIELDS = {"t": "date", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_ZONE = "America/New_York"
_MOST = 50_000  # bars of one answer: as days, far more than there are


def fetch(query: Query, http: Http) -> Fetched:
    """One call an instrument. A bar's time is the midnight in New York that its day begins with, in milliseconds."""
    answer = http.get(
        KIND.label,
        f"https://api.massive.com/v2/aggs/ticker/{quote(query.symbol, safe='')}/range/1/day/{query.start}/{query.end}",
        params={"adjusted": "true", "sort": "asc", "limit": str(_MOST)},
        headers={"Authorization": f"Bearer {query.key}"},
        secret=query.key,
    )
    body = answer.json()
    if not isinstance(body, dict) or body.get("status") not in ("OK", "DELAYED"):
        raise answer.no_data()
    if body.get("ticker") != query.symbol:
        raise WrongSymbol(f"{KIND.label} gave bars of {str(body.get('ticker'))[:40]}, not of {query.symbol}.")
    if body.get("adjusted") is not True or body.get("next_url"):
        raise BadAnswer(f"{KIND.label} gave bars that aren't adjusted for splits, or not all of them.")
    records = body.get("results") or []  # left out where there are none
    require_fields(KIND.label, records, [*_FIELDS])
    days = [{**record, "t": day_in(_ZONE, number_of(KIND.label, record, "t") / 1000)} for record in records]
    return Fetched(read_records(KIND.label, days, _FIELDS, query), Prices.SPLIT)


KIND = SourceKind(
    name="massive",
    label="Massive (Polygon)",
    about="Daily bars of US stocks, adjusted for splits but not for dividends. Needs a key.",
    fetch=fetch,
    prices=Prices.SPLIT,
    zone=_ZONE,
    calls_a_minute=5,
    final_at=time(20, 15),  # trading after hours, which volumes include, ends at 20:00
    key=Key.NEEDED,
    key_label="API key",
    options=(CALLS,),
    refetch_on_action=True,
)

"""Every kind of source there is: a further one is a file beside this one and a line here."""

from instruments.sources import alphavantage, database, eodhd, exchange, file_url, massive, tiingo, yahoo
from instruments.sources.base import SourceKind

KINDS: dict[str, SourceKind] = {
    kind.name: kind
    for kind in (
        file_url.KIND,
        database.KIND,
        yahoo.KIND,
        exchange.KIND,
        tiingo.KIND,
        eodhd.KIND,
        alphavantage.KIND,
        massive.KIND,
    )
}

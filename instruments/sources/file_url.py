"""Any CSV or Parquet file over HTTPS, with the symbol in its address or in a column."""

import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit

from instruments.quant.actions import Prices
from instruments.quant.ingest.headers import NotBars
from instruments.sources.base import PRICES, Fetched, Key, Option, Query, SourceKind, read_bars
from instruments.sources.errors import BadAnswer
from instruments.sources.files import open_sheet
from instruments.sources.http import Http


def address_problem(address: str) -> str:
    """Why no file can be fetched from an address; empty when one can."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return "Must be an address as https://example.org/{symbol}.csv."
    if parts.username or parts.password:
        return "Must hold no password: write {key} where it belongs, and enter it as the key."
    return ""


def fetch(query: Query, http: Http) -> Fetched:
    """Rows of the file; where it has a column of symbols those of the instrument alone."""
    address = query.options["url"].replace("{symbol}", quote(query.symbol, safe=""))
    vendor = urlsplit(address).hostname or "The address"
    answer = http.get(vendor, address.replace("{key}", quote(query.key, safe="")), secret=query.key, redirects=True)
    with tempfile.NamedTemporaryFile(prefix="boursomatic-") as file:
        file.write(answer.body)
        file.flush()
        try:
            with open_sheet(Path(file.name)) as sheet:
                table = read_bars(vendor, sheet.header, sheet.rows, query)
        except NotBars as reason:
            raise BadAnswer(f"{vendor} gave no bars. {reason}") from None
        except BadAnswer as problem:
            if answer.body[:4] == b"PAR1" or table_like(answer.text()):
                raise
            raise answer.no_data() from problem
    return Fetched(table, Prices(query.options["prices"]))


def table_like(text: str) -> bool:
    """Whether the first line could be a header: of several names, and no mark-up."""
    first = text.lstrip().splitlines()[:1]
    return bool(first) and not first[0].startswith(("<", "{")) and max(map(first[0].count, ",;\t|")) >= 4


KIND = SourceKind(
    name="file_url",
    label="File on the web",
    about="Any CSV or Parquet file over HTTPS; {symbol} in its address stands for the instrument.",
    fetch=fetch,
    prices=None,
    key=Key.OPTIONAL,
    options=(
        Option(
            "url",
            "Address",
            help="As https://example.org/{symbol}.csv; {key} stands for the key, which is kept secret",
            longest=500,
            sends_key=True,
            check=address_problem,
        ),
        PRICES,
    ),
    timeframes=("1d", "1h", "4h", "1w"),
)

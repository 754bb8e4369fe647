"""Small files in the shapes that sources of prices give them."""

from collections.abc import Iterable

from instruments.quant.ingest.checks import Checked, check
from instruments.sources.files import read_csv

HEADER = "date,open,high,low,close,volume,symbol"


def csv(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def daily(count: int, *, symbol: str = "SPY", price: float = 10.0, first: int = 1) -> list[str]:
    """Rows of January 2020."""
    return [f"2020-01-{first + i:02},{price},{price + 1},{price - 1},{price},100,{symbol}" for i in range(count)]


def checked(text: str | Iterable[str], symbol: str | None = None, timeframe: str | None = None) -> Checked:
    lines = text.splitlines(keepends=True) if isinstance(text, str) else text
    return check(read_csv(lines), symbol=symbol, timeframe=timeframe)

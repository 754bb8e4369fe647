"""What reading an upload finds, as it is staged, answered and shown."""

from typing import Annotated

from boursomatic.shared.records import Moment, Record, about, choice
from instruments.quant.actions import Prices

ASKS = ("", "columns", "symbol", "timeframe", "date_order")
ORDERS = ("", "day", "month")


class ReadingOptions(Record):
    """What somebody says of an upload's files; empty: as recognised."""

    columns: dict[str, str] = {}
    symbol: str = ""
    timeframe: str = ""
    date_order: str = ""
    source: str = ""


class Preview(Record):
    """Cells as a file has them."""

    file: str
    header: list[str]
    first: list[list[str]]
    last: list[list[str]]


class ReasonCount(Record):
    """How many rows are bad for a reason."""

    reason: str
    rows: int
    first_line: int


class BadRow(Record):
    """A row that can't be stored, and why."""

    file: str
    row: Annotated[int, about("Line in the file; the header is line 1")]
    symbol: str
    timestamp: str
    reason: str


class Span(Record):
    """The bars of a symbol in one file."""

    symbol: str
    rows: int
    first: Moment
    last: Moment


class FileReading(Record):
    """What one file of an upload holds."""

    file: str
    columns: Annotated[dict[str, str], about("Field -> the file's column: time, open, high, low, close, …")]
    refusal: Annotated[str, about("Why nothing of it can be stored; empty where something can")] = ""
    asks: Annotated[str, choice(ASKS, "What should be named before it is stored")] = ""
    timeframe: str = ""
    read: int = 0
    good: int = 0
    rejected: int = 0
    duplicates: int = 0
    date_order: Annotated[str, choice(ORDERS, "Where a month is a number: which number comes first")] = ""
    decimal_comma: bool = False
    first_in_words: Annotated[str, about("As 3 April 2012")] = ""
    last_in_words: str = ""
    reasons: list[ReasonCount] = []


class StagedReading(Record):
    """What the reading process leaves of one file, beside the arrays of its bars: `spans` in their order."""

    reading: FileReading
    preview: Preview
    spans: list[Span] = []
    problems: list[BadRow] = []
    bad: int = 0


class SymbolReport(Span):
    """What storing the bars of a symbol would change. rows = inserted + updated + unchanged + clashing."""

    file: str
    timeframe: str
    inserted: int
    updated: int
    unchanged: int
    clashing: Annotated[int, about("Stored by another source with other values")]


class Clash(Record):
    """Bars that another source stored with other values; they stay unless overwriting is asked for."""

    symbol: str
    timeframe: str
    bars: int
    source: str


class UploadReport(Record):
    """All files of an upload. read = inserted + updated + unchanged + clashing + rejected + duplicates."""

    files: list[FileReading]
    symbols: list[SymbolReport]
    problems: list[BadRow]
    problems_omitted: int
    read: int
    inserted: int
    updated: int
    unchanged: int
    clashing: int
    rejected: int
    duplicates: int


class TrialBar(Record):
    """A bar as a source gave it."""

    time: Moment
    open: float
    high: float
    low: float
    close: float
    volume: float
    adj_close: float


class Trial(Record):
    """What a source gives now for one instrument: nothing of it is stored."""

    symbol: str
    timeframe: str
    problem: Annotated[str, about("Why there are no bars; empty where there are")] = ""
    prices: Annotated[str, choice(("", *Prices), "What open, high, low and close are adjusted for")] = ""
    rows: int = 0
    bad: Annotated[int, about("Rows that can't be stored")] = 0
    first_bad: str = ""
    actions: Annotated[int, about("Splits and dividends among them")] = 0
    bars: Annotated[list[TrialBar], about("The newest five")] = []

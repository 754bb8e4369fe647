"""Requests and answers of the instruments API."""

from typing import Annotated, Any

from boursomatic.shared.openapi import REFUSAL, Shape
from boursomatic.shared.records import (
    UNSET,
    Body,
    Day,
    Meta,
    Moment,
    Name,
    Record,
    UnsetType,
    about,
    choice,
    spelled,
    when,
)
from instruments.imports.membership import MOST
from instruments.imports.schema import Clash, Preview, UploadReport
from instruments.models import ActionKind, Basis, FindingState, Severity, Timeframe
from instruments.quant.actions import Prices
from instruments.quant.health.checks import LABELS
from instruments.quant.ingest.checks import SPELLED, SYMBOL
from instruments.sources.base import Key, SourceKind
from instruments.sources.registry import KINDS

Timeframes = Annotated[str, choice(Timeframe.values)]
Symbol = Annotated[str, spelled(SYMBOL.pattern)]
SourceKey = Annotated[str, spelled("[ -~]{0,500}")]


class Coverage(Record):
    """What is stored of a series."""

    rows: int
    first: Moment | None
    last: Moment | None


class Instrument(Record):
    """An instrument and what is stored of it."""

    symbol: str
    name: str
    currency: str
    active: bool
    timeframes: Annotated[dict[str, Coverage], about("By timeframe: 1h, 4h, 1d, 1w")]


class Bars(Record):
    """Columns of equal length, oldest bar first; and which of the bars are stale."""

    symbol: str
    timeframe: Timeframes
    price: Annotated[str, choice(["raw", "adjusted"])]
    basis: Annotated[str, choice(Basis.values, "Adjusted by its source, or kept as traded with its own actions")]
    time: list[Moment]
    epoch: Annotated[list[int], about("Seconds since 1970-01-01 UTC")]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    adj_close: list[float]
    stale: Annotated[
        list[int], about("As in epoch: bars that only carry a price forward; candle models leave them out")
    ]


class Indicators(Record):
    """Lines of the length of `epoch`, oldest first; null before a line's first value."""

    symbol: str
    timeframe: Timeframes
    price: Annotated[str, choice(["raw", "adjusted"])]
    epoch: Annotated[list[int], about("Seconds since 1970-01-01 UTC")]
    lines: Annotated[
        dict[str, list[float | None]],
        about("By name, some indicators in three; ATR and MACD in prices, RSI from 0 to 100"),
    ]


class Bar(Body):
    """One bar to store."""

    date: Annotated[str, about("ISO 8601; a time without a zone is UTC")]
    open: float
    high: float
    low: float
    close: float
    volume: float | UnsetType = UNSET
    adj_close: float | UnsetType = UNSET
    symbol: Annotated[str, about("As in the address")] | UnsetType = UNSET


class Problem(Record):
    """A row that was not stored, and why."""

    file: str
    row: Annotated[int | None, about("Line in the file; the header is line 1")]
    symbol: str | None
    timestamp: str | None
    reason: str


class ImportedSeries(Coverage):
    """What is stored of a series after an import."""

    timeframe: Timeframes


class ImportReport(Record):
    """read = inserted + updated + unchanged + rejected + duplicates."""

    read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    duplicates: int
    overruled: Annotated[int, about("Rejected because a later table says otherwise")]
    instruments: dict[str, ImportedSeries]
    problems: list[Problem]
    problems_omitted: int
    warnings: list[str]


class ImportRefusal(ImportReport):
    """Nothing was stored."""

    detail: Annotated[str, about("Why nothing was stored")]


class Action(Record):
    """A split or a cash dividend of a series."""

    id: int
    symbol: str
    timeframe: Timeframes
    ex_day: Annotated[Day, about("The first day that trades without it")]
    kind: Annotated[str, choice(ActionKind.values)]
    ratio: Annotated[float | None, about("Of a split: new shares for one old")]
    amount: Annotated[float | None, about("Of a dividend: cash a share of the ex day, as it was paid")]
    source: str
    known_at: Annotated[Moment, about("When these numbers were first stored")]


class ActionRow(Body):
    """An action to store."""

    ex_day: Day
    kind: Annotated[str, choice(ActionKind.values)]
    ratio: Annotated[float | None, about("Of a split: new shares for one old, not 1")] | UnsetType = UNSET
    amount: Annotated[float | None, about("Of a dividend: cash a share of the ex day")] | UnsetType = UNSET
    symbol: Annotated[str, about("As in the address")] | UnsetType = UNSET


class ActionChange(Record):
    """An action that is new (`before` is null) or has another value than before."""

    symbol: str
    timeframe: Timeframes
    ex_day: Day
    kind: Annotated[str, choice(ActionKind.values)]
    before: float | None
    after: float


class ActionProblem(Record):
    """A row that was not stored, and why."""

    file: str
    row: Annotated[int | None, about("Line in the file; the header is line 1")]
    symbol: str | None
    ex_day: str | None
    reason: str


class ActionReport(Record):
    """read = inserted + updated + unchanged + rejected + duplicates."""

    read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    duplicates: int
    series: Annotated[dict[str, str], about("By symbol and timeframe: its basis, vendor or as_traded")]
    changes: list[ActionChange]
    changes_omitted: int
    problems: list[ActionProblem]
    problems_omitted: int
    warnings: list[str]


class ActionRefusal(ActionReport):
    """Nothing was stored."""

    detail: Annotated[str, about("Why nothing was stored")]


class Upload(Record):
    """Files that may be stored as bars, and what they hold."""

    upload_id: str
    columns: Annotated[dict[str, str], about("Field -> column of the first file that has it; empty while it is read")]
    preview: Annotated[list[Preview], about("Of each file; empty while it is read")]
    report: Annotated[UploadReport | None, about("Null while it is read")]
    clashes: list[Clash]
    expires_at: Moment


class Finding(Record):
    """A stretch of bars that a check found. `symbol` and `timeframe` are null where it is about days that most
    instruments of `calendar` share."""

    id: int
    symbol: str | None
    timeframe: Timeframes | None
    calendar: str | None
    check: Annotated[str, choice(list(LABELS))]
    severity: Annotated[str, choice(Severity.values)]
    first: Moment
    last: Moment
    count: Annotated[int, about("Bars, or days without one")]
    text: str
    proposal: str
    figures: Annotated[dict[str, Any], about("What it goes by; others for each check")]
    state: Annotated[str, choice(FindingState.values)]
    reason: Annotated[str | None, about("Why it was acknowledged")]
    acknowledged_by: str | None
    found_at: Moment


class AcknowledgeRequest(Body):
    """Why a finding is all right."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class RepairProposal(Record):
    """What a repair of a finding would change."""

    finding: int
    text: str
    changed: Annotated[int, about("Bars that get other numbers")]
    removed: Annotated[int, about("Bars that are taken away")]
    first: Moment
    last: Moment
    mark: Annotated[str, about("Sent back with the repair, it is refused where the bars have changed since")]


class RepairRequest(Body):
    """What was looked at."""

    mark: Annotated[str, about("Of the proposal; without it whatever is proposed now is done")] | UnsetType = UNSET


Findings = Shape("Findings", list[Finding])


class Source(Record):
    """Where bars can be asked for again and again. Its key is never answered."""

    name: str
    kind: Annotated[str, choice(KINDS)]
    options: Annotated[dict[str, str], about("As the kind has them")]
    key: Annotated[str, choice(["none", "set", "lost"], "Lost: SECRET_KEY has changed; enter it again")]
    prices: Annotated[str, choice(list(Prices), "What open, high, low and close are adjusted for")]
    enabled: bool
    updated_at: Moment
    symbols: Annotated[dict[str, str], about("Instruments that it serves in any case -> what it calls them")]


def _of_kind(kind: SourceKind) -> dict[str, Any]:
    """The rule of a new source's options and key."""
    options: dict[str, Any] = {
        each.name: {"enum": [value for value, _ in each.choices]} if each.choices else {"maxLength": each.longest}
        for each in kind.options
    }
    rule: dict[str, Any] = {"properties": {"options": {"properties": options, "propertyNames": {"enum": [*options]}}}}
    match kind.key:
        case Key.NEEDED:
            return {**rule, "required": ["key"]}
        case Key.NONE:
            return {"properties": {**rule["properties"], "key": {"maxLength": 0}}}
    return rule


class SourceRequest(Body):
    """A new source."""

    rules = {"allOf": [{"if": when("kind", kind.name), "then": _of_kind(kind)} for kind in KINDS.values()]}

    name: Annotated[Name, about("Its bars are stored under it")]
    kind: Annotated[str, choice(KINDS)]
    options: Annotated[dict[str, str], about("As the kind has them; what isn't given is its default")] | UnsetType = (
        UNSET
    )
    key: Annotated[SourceKey, about("Written, never read")] | UnsetType = UNSET


class SourceChanges(Body):
    """What is to change of a source."""

    options: Annotated[dict[str, str], about("Only what differs")] | UnsetType = UNSET
    key: Annotated[SourceKey, about("Written, never read; empty takes it away")] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    symbols: Annotated[dict[Symbol, Symbol], about("All of them: ours -> what the source calls it")] | UnsetType = UNSET


class TrialRequest(Body):
    """What to try a source with."""

    symbol: str
    timeframe: Timeframes | UnsetType = UNSET


class NextClose(Record):
    """A session that has not closed yet."""

    session: Day
    closes_at: Moment
    is_early: Annotated[bool, about("Before the usual hour")]


class Calendar(Record):
    """The days on which instruments trade."""

    name: str
    zone: Annotated[str | None, about("Where its day ends; null where that isn't known")]
    instruments: Annotated[int, about("Active ones that trade by it")]
    first: Annotated[Day | None, about("First session in the table; null where none is stored, or none is needed")]
    last: Day | None
    next_closes: list[NextClose]


class Member(Record, rename={"start": "from", "end": "to"}):
    """A stretch of days on which an instrument is in a universe, both included."""

    symbol: str
    start: Annotated[Day | None, about("Null: since ever")] = None
    end: Annotated[Day | None, about("Null: still")] = None


class MemberRow(Body, rename={"start": "from", "end": "to"}):
    """A stretch of days to store."""

    symbol: Annotated[str, spelled(SPELLED.pattern)]
    start: Annotated[Day | None, about("Null: since ever")] = None
    end: Annotated[Day | None, about("Null: still")] = None


class MemberProblem(Record):
    """A row that was not stored, and why."""

    row: Annotated[int, about("Line of the CSV; the header is line 1. Of JSON its place, from 1 on")]
    symbol: str
    reason: str


class MembersReport(Record):
    """read = inserted + unchanged + rejected."""

    universe: str
    read: int
    inserted: int
    unchanged: int
    removed: Annotated[int, about("Earlier stretches of these instruments that were not sent again")]
    rejected: int
    problems: list[MemberProblem]
    problems_omitted: int


class MembersRefusal(MembersReport):
    """Nothing was stored."""

    detail: Annotated[str, about("Why nothing was stored")]


Calendars = Shape("Calendars", list[Calendar])
Members = Shape("Members", list[Member])
MemberRows = Shape("MemberRows", Annotated[list[MemberRow], Meta(min_length=1, max_length=MOST)])
NoMembersStored = Shape("NoMembersStored", MembersRefusal, (REFUSAL.type,))
Sources = Shape("Sources", list[Source])
Instruments = Shape("Instruments", list[Instrument])
BarRows = Shape("BarRows", Annotated[list[Bar], Meta(min_length=1)])
Actions = Shape("Actions", list[Action])
_ABOVE_0 = {"type": "number", "exclusiveMinimum": 0}
_SPLIT = {"required": ["ratio"], "properties": {"kind": {"const": "split"}, "ratio": _ABOVE_0}}
_DIVIDEND = {"required": ["amount"], "properties": {"kind": {"const": "dividend"}, "amount": _ABOVE_0}}
ActionRows = Shape(
    "ActionRows",
    Annotated[list[Annotated[ActionRow, Meta(extra_json_schema={"oneOf": [_SPLIT, _DIVIDEND]})]], Meta(min_length=1)],
)
NoActionStored = Shape("NoActionStored", ActionRefusal, (REFUSAL.type,))
NothingStored = Shape("NothingStored", ImportRefusal, (REFUSAL.type,))

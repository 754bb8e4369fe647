"""Tables on pages: columns declared once, from which come headings that sort, pages by key, the count, and CSV."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest, QueryDict, StreamingHttpResponse

from boursomatic.accounts.columns import hidden_columns
from boursomatic.shared.csv import csv_text

COUNTED = 10_000  # rows at most; beyond, a page says "10,000+"
CHUNK = 1_000  # rows of a CSV that are read at a time
PARAMETERS = ("sort", "after", "before", "format")  # of a table's address, beside its filters
BY_VALUE = "value"  # how the columns of a table in memory are sorted

Row = TypeVar("Row", bound=Model)
Line = TypeVar("Line")
Shown = TypeVar("Shown")


class TableName(StrEnum):
    """As addresses and kept choices of columns name them."""

    RUNS = "runs"
    MODELS = "models"
    TRIALS = "trials"
    INSTRUMENTS = "instruments"
    SCHEDULES = "schedules"
    SCORECARD = "scorecard"
    MEMBERS = "members"
    NOTICES = "notices"
    ACCOUNTS = "accounts"
    AUDIT = "audit"
    POSITIONS = "positions"
    FINDINGS = "findings"
    ACTIONS = "actions"
    SEARCH_TRIALS = "search-trials"


@dataclass(frozen=True)
class Column(Generic[Line]):
    """`value` is a line's cell as CSV has it, None where it has none; `sort` what the database sorts by: a field or an
    expression. Without it the heading is no link."""

    name: str
    heading: str
    value: Callable[[Line], object] | None
    sort: str | Combinable = ""
    is_number: bool = False
    begins_high: bool = False  # a first click on the heading sorts descending: of numbers and times
    title: str = ""


@dataclass(frozen=True)
class Order:
    """By a column of this name ("" is the table's own order), or by an expression where the column has one."""

    name: str
    by: str | Combinable
    is_descending: bool

    @property
    def parameter(self) -> str:
        return f"{'-' if self.is_descending else ''}{self.name}" if self.name else ""


@dataclass(frozen=True)
class Table(Generic[Line]):
    """`order` is the one where none is asked for: a field, after "-" descending. The first column is always shown;
    what a cell of the page holds together, `more` has apart for the CSV."""

    name: TableName
    columns: tuple[Column[Line], ...]
    more: tuple[Column[Line], ...] = ()
    order: str = "-pk"
    size: int = 50

    def order_of(self, parameter: str) -> Order:
        """What `sort=` asks for, among the columns that can be sorted by."""
        name = parameter.removeprefix("-")
        for column in self.columns:
            if column.name == name and column.sort:
                return Order(name, column.sort, parameter.startswith("-"))
        return Order("", self.order.removeprefix("-"), self.order.startswith("-"))


@dataclass(frozen=True)
class Heading:
    """A column's heading; `href` sorts by it, the other way round where it is sorted by already."""

    column: Column[Any]
    href: str
    direction: str  # as aria-sort has it, "" where the table isn't sorted by it


@dataclass(frozen=True)
class TablePage(Generic[Shown]):
    """Context of the templates in `tables/`. `filters` are those of the address; `count` stops beyond COUNTED."""

    table: Table[Any]
    rows: Sequence[Shown]
    order: Order
    filters: QueryDict
    count: int
    hidden: frozenset[str]
    previous: int | None = None
    following: int | None = None

    @cached_property
    def shown(self) -> frozenset[str]:
        first = self.table.columns[0].name
        return frozenset(column.name for column in self.table.columns) - (self.hidden - {first})

    @property
    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.table.columns if column.name in self.shown]

    @property
    def orders(self) -> list[Column[Any]]:
        return [column for column in self.table.columns if column.sort]

    @property
    def count_text(self) -> str:
        return f"{COUNTED:,}+" if self.count > COUNTED else f"{self.count:,}"

    @property
    def first_href(self) -> str:
        return self._href(sort=self.order.parameter)

    @property
    def previous_href(self) -> str:
        return self._href(sort=self.order.parameter, before=self.previous)

    @property
    def following_href(self) -> str:
        return self._href(sort=self.order.parameter, after=self.following)

    @property
    def csv_href(self) -> str:
        return self._href(sort=self.order.parameter, format="csv")

    def _heading(self, column: Column[Any]) -> Heading:
        is_current = column.name == self.order.name
        is_descending = not self.order.is_descending if is_current else column.is_number or column.begins_high
        direction = ("descending" if self.order.is_descending else "ascending") if is_current else ""
        href = self._href(sort=f"{'-' if is_descending else ''}{column.name}") if column.sort else ""
        return Heading(column, href, direction)

    def _href(self, **parameters: object) -> str:
        query = self.filters.copy()
        for name, value in parameters.items():
            if value not in ("", None):
                query[name] = str(value)
        return f"?{query.urlencode()}"


def table_page(
    request: HttpRequest, table: Table[Any], rows: QuerySet[Row], implied: Mapping[str, str] | None = None
) -> TablePage[Row]:
    """One page of `rows` in the order that the address asks for, after or before the row that it names. `implied` are
    filters that hold though the address leaves them out; its further pages say them.

    Keys first, so that filter and order can be answered from an index; then the rows of these keys alone.
    """
    order = table.order_of(request.GET.get("sort", ""))
    is_backwards = "before" in request.GET
    key = _key(request.GET.get("before", request.GET.get("after", "")))
    keys = list(_keys(rows, order, key, is_backwards=is_backwards)[: table.size + 1])
    has_more = len(keys) > table.size
    keys = keys[: table.size]
    if is_backwards:
        keys.reverse()
    has_previous, has_following = (has_more, bool(key)) if is_backwards else (bool(key), has_more)
    return TablePage(
        table=table,
        rows=_rows(rows, keys),
        order=order,
        filters=filters_of(request, implied),
        count=rows.order_by().values("pk")[: COUNTED + 1].count() if key or has_more else len(keys),
        previous=keys[0] if has_previous and keys else None,
        following=keys[-1] if has_following and keys else None,
        hidden=hidden_columns(request.user, table.name),
    )


def lines_page(request: HttpRequest, table: Table[Line], lines: Sequence[Line]) -> TablePage[Line]:
    """All of a few `lines` that are in memory, in the order that the address asks for, else as they come; where it has
    a `text`, those that have it in a cell."""
    text = request.GET.get("text", "").strip().lower()
    values = [column.value for column in table.columns if column.value]
    shown = [line for line in lines if not text or any(text in str(value(line) or "").lower() for value in values)]
    order = table.order_of(request.GET.get("sort", ""))
    return TablePage(
        table=table,
        rows=sorted_lines(table, shown, order),
        order=order,
        filters=filters_of(request),
        count=len(shown),
        hidden=hidden_columns(request.user, table.name),
    )


def slice_page(request: HttpRequest, table: Table[Line], lines: Sequence[Line]) -> TablePage[Line]:
    """One page of many `lines`, filtered and in order already, of which a slice alone need be made; its addresses name
    places among them."""
    is_backwards = "before" in request.GET
    place = min(_key(request.GET.get("before", request.GET.get("after", ""))), len(lines))
    start = max(0, place - table.size) if is_backwards else place
    stop = start + table.size
    return TablePage(
        table=table,
        rows=lines[start:stop],
        order=table.order_of(request.GET.get("sort", "")),
        filters=filters_of(request),
        count=len(lines),
        previous=start or None,
        following=stop if stop < len(lines) else None,
        hidden=hidden_columns(request.user, table.name),
    )


def sorted_lines(table: Table[Line], lines: Sequence[Line], order: Order) -> list[Line]:
    """By the value of the column, those that have none last; equal ones as they come."""
    value = next((column.value for column in table.columns if column.name == order.name), None)
    if value is None:
        return list(lines)
    with_value: list[tuple[Any, Line]] = [(value(line), line) for line in lines]
    filled = [pair for pair in with_value if pair[0] is not None]
    filled.sort(key=lambda pair: pair[0], reverse=order.is_descending)
    return [line for _, line in filled] + [line for cell, line in with_value if cell is None]


def filters_of(request: HttpRequest, implied: Mapping[str, str] | None = None) -> QueryDict:
    """What the address says beside page, order and format."""
    filters = request.GET.copy()
    for name, value in (implied or {}).items():
        filters[name] = value
    for name in PARAMETERS:
        filters.pop(name, None)
    return filters


def wants_csv(request: HttpRequest) -> bool:
    return request.GET.get("format") == "csv"


def row_chunks(request: HttpRequest, table: Table[Any], rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """All `rows` in the order that the address asks for, so many at a time."""
    order, key = table.order_of(request.GET.get("sort", "")), 0
    while keys := list(_keys(rows, order, key)[:CHUNK]):
        yield _rows(rows, keys)
        key = keys[-1]


def csv_response(table: Table[Line], chunks: Iterable[Sequence[Line]]) -> StreamingHttpResponse:
    """Every column of every line, sent while it is read."""

    def texts() -> Iterator[str]:
        cells = {column.name: column.value for column in table.columns + table.more if column.value}
        yield csv_text([list(cells)])
        for lines in chunks:
            yield csv_text([value(line) for value in cells.values()] for line in lines)

    headers = {"Content-Disposition": f'attachment; filename="{table.name}.csv"'}
    return StreamingHttpResponse(texts(), content_type="text/csv; charset=utf-8", headers=headers)


def _keys(rows: QuerySet[Row], order: Order, key: int, *, is_backwards: bool = False) -> QuerySet[Row, int]:
    """Keys from that of row `key` on (0: from the beginning), rows without a value last, equal ones by key.

    The row's value is looked up rather than carried in the address: a row that is gone begins the table anew.
    """
    is_descending = order.is_descending != is_backwards
    if order.by == "pk":
        rows = rows.filter(**{f"pk__{'lt' if is_descending else 'gt'}": key}) if key else rows
        return rows.order_by("-pk" if is_descending else "pk").values_list("pk", flat=True)
    by = F(order.by) if isinstance(order.by, str) else order.by
    valued: QuerySet[Any] = rows.alias(sort_value=by)
    for value in rows.model._base_manager.filter(pk=key).values_list(by, flat=True) if key else ():
        valued = valued.filter(_further(value, key, is_descending=is_descending, is_backwards=is_backwards))
    nulls = {"nulls_first": True} if is_backwards else {"nulls_last": True}
    by_value = F("sort_value").desc(**nulls) if is_descending else F("sort_value").asc(**nulls)
    return valued.order_by(by_value, "-pk" if is_descending else "pk").values_list("pk", flat=True)


def _further(value: object, key: int, *, is_descending: bool, is_backwards: bool) -> Q:
    """Rows on the far side of one with this value and key; those without a value are at the end."""
    beyond = "lt" if is_descending else "gt"
    ties = Q(**{f"pk__{beyond}": key})
    if value is None:
        ties &= Q(sort_value=None)
        return ties | Q(sort_value__isnull=False) if is_backwards else ties
    valued = Q(**{f"sort_value__{beyond}": value}) | (Q(sort_value=value) & ties)
    return valued if is_backwards else valued | Q(sort_value=None)


def _rows(rows: QuerySet[Row], keys: Sequence[int]) -> list[Row]:
    by_key = rows.in_bulk(keys)
    return [by_key[key] for key in keys if key in by_key]


def _key(text: str) -> int:
    """A row's key; 0 for whatever is none."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0

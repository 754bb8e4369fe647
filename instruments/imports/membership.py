"""Who was in a universe when, from a table with `symbol`, `from` and `to`: all of it is stored, or nothing."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.audit import audit
from instruments.imports.services import universe_name_check
from instruments.models import Instrument, Universe, UniverseMember
from instruments.quant.calendars import as_day
from instruments.quant.ingest.checks import SPELLED
from instruments.quant.membership import Stretch, overlaps

LARGEST = 10_000_000  # bytes of such a table
MOST = 100_000  # rows
LISTED = 100  # problems
_TOGETHER = 5000  # rows of a statement
_COLUMNS = {"symbol": "symbol", "ticker": "symbol", "from": "from", "start": "from", "to": "to", "end": "to"}

Dates = tuple[date | None, date | None]


@dataclass(frozen=True)
class MemberRow:
    """A row as it was written; `number` is its line in a file, or its place in a list from 1 on."""

    number: int
    symbol: str
    start: str
    end: str


@dataclass
class MembersReport:
    """What an import did: read = inserted + unchanged + rejected. `removed`: stretches of these instruments that were
    stored before and aren't in the table. `refused` says why nothing was stored."""

    universe: str
    read: int = 0
    inserted: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    bad: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    refused: str = ""

    def as_dict(self) -> dict[str, Any]:
        names = ("universe", "read", "inserted", "unchanged", "removed", "rejected", "problems")
        return {name: getattr(self, name) for name in names} | {"problems_omitted": self.bad - len(self.problems)}

    def add_problem(self, row: MemberRow, reason: str) -> None:
        self.bad += 1
        if len(self.problems) < LISTED:
            self.problems.append({"row": row.number, "symbol": row.symbol[:40], "reason": reason})


class NotMembers(ValueError):
    """Why a text is no table of members, in a sentence."""


def read_members(text: str) -> list[MemberRow]:
    """The rows of a CSV; what they hold isn't looked at. Raises NotMembers."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        places = {_COLUMNS[name]: place for place, name in enumerate(header) if name in _COLUMNS}
        if set(places) != {"symbol", "from", "to"}:
            raise NotMembers("The first line must name the columns symbol, from and to.")
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                values = {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
                rows.append(MemberRow(reader.line_num, values["symbol"], values["from"], values["to"]))
            if len(rows) > MOST:
                raise NotMembers(f"The table has more than {MOST:,} rows.")
    except csv.Error as problem:
        raise NotMembers(f"This is no CSV: line {reader.line_num}: {problem}.") from problem
    if not rows:
        raise NotMembers("The table has no rows below its header.")
    return rows


def members_import(*, name: str, rows: Sequence[MemberRow], user: User | None) -> MembersReport:
    """The instruments that are named get these stretches in place of those that they had; the others stay as they are.
    With one bad row nothing is stored. Makes the universe where there is none. Raises BadName."""
    report = MembersReport(universe_name_check(name), read=len(rows))
    with transaction.atomic():
        symbols = {row.symbol for row in rows if SPELLED.fullmatch(row.symbol)}
        instruments = Instrument.objects.in_bulk(symbols, field_name="symbol")
        stretches = _checked(rows, instruments, report)
        if report.bad:
            report.rejected = report.read
            first, many = report.problems[0], f"{report.bad:,} bad rows" if report.bad > 1 else "1 bad row"
            report.refused = f"{many}, nothing stored. First: row {first['row']}: {first['reason']}"
            return report
        universe = Universe.objects.get_or_create(name=name)[0]
        Universe.objects.select_for_update().get(pk=universe.pk)
        _replace(universe, {instruments[symbol].pk: dates for symbol, dates in stretches.items()}, report)
        if report.inserted or report.removed:
            figures = {"inserted": report.inserted, "removed": report.removed, "unchanged": report.unchanged}
            audit(user, "universe.members", name, **figures)
    return report


def stretch_of(dates: Dates) -> Stretch:
    start, end = (None if day is None else as_day(day) for day in dates)
    return Stretch(start, end)


def parse_dates(start: str, end: str) -> Dates:
    """Both as 2015-03-31, empty where open. Raises NotMembers."""
    first, last = _date("from", start), _date("to", end)
    if first and last and first > last:
        raise NotMembers(f"It ends on {last}, before it begins.")
    return first, last


def _date(label: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NotMembers(f"{label} is {text[:20]!r}; write it as 2015-03-31, or leave it empty.") from None


def _checked(
    rows: Iterable[MemberRow], instruments: dict[str, Instrument], report: MembersReport
) -> dict[str, list[Dates]]:
    """Of each symbol its stretches; what is wrong goes into the report."""
    stretches: dict[str, list[Dates]] = defaultdict(list)
    for row in rows:
        try:
            dates = parse_dates(row.start, row.end)
        except NotMembers as reason:
            report.add_problem(row, str(reason))
            continue
        if row.symbol not in instruments:
            report.add_problem(
                row, "No instrument is called so: upload its bars first." if row.symbol else "No symbol."
            )
        elif overlaps([stretch_of(each) for each in [*stretches[row.symbol], dates]]):
            report.add_problem(row, "Some of these days are in an earlier row of the same symbol.")
        else:
            stretches[row.symbol].append(dates)
    return stretches


def _replace(universe: Universe, stretches: dict[int, list[Dates]], report: MembersReport) -> None:
    stored: dict[int, dict[Dates, int]] = defaultdict(dict)
    for member in UniverseMember.objects.filter(universe=universe, instrument__in=stretches):
        stored[member.instrument_id][member.start, member.end] = member.pk
    surplus = [pk for key, own in stored.items() for dates, pk in own.items() if dates not in stretches[key]]
    new = [
        UniverseMember(universe=universe, instrument_id=key, start=start, end=end)
        for key, own in stretches.items()
        for start, end in own
        if (start, end) not in stored[key]
    ]
    for place in range(0, len(surplus), _TOGETHER):
        UniverseMember.objects.filter(pk__in=surplus[place : place + _TOGETHER]).delete()
    UniverseMember.objects.bulk_create(new, batch_size=_TOGETHER)
    report.inserted, report.removed = len(new), len(surplus)
    report.unchanged = report.read - report.inserted

"""Writes to corporate actions, and to the basis of a series: what its prices are adjusted by."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Person
from instruments.imports.action_report import ActionChange, ActionReport, nothing_stored
from instruments.imports.action_rows import ActionRows, BadRow, action_problem, read_action_rows
from instruments.imports.report import REJECT
from instruments.models import Basis, CorporateAction, PriceBar, Series, Timeframe
from instruments.quant.actions import DIVIDEND, SPLIT, Action, Prices
from instruments.quant.ingest.headers import NotBars
from instruments.sources.files import Sheet, open_sheet
from instruments.store.actions import mark_changed
from instruments.store.write_bars import lock_series

NO_WEEKS = "Weekly bars can't be read as traded: a week holds prices of before and after an action."
_AUDITED = 20  # changes in an audit row


class BasisRefused(ValueError):
    """The text says why the series can't have that basis."""


@dataclass
class ActionsWritten:
    """What became of the actions of one series. `clashing`: another source says otherwise, whose stay."""

    changes: list[ActionChange] = field(default_factory=list)
    clashing: list[Action] = field(default_factory=list)
    rejected: int = 0
    turned_as_traded: bool = False


def actions_write(
    *, series: Series, actions: Sequence[Action], source: str, prices: Prices | None = None, overwrite: bool = True
) -> ActionsWritten:
    """Store actions of a series; equal ones are left alone, none is deleted. Call it in the transaction that stores the
    bars of the same answer, after them.

    Without `overwrite` what another source says of a day stays. `prices`: what those of `source` are; where they are as
    traded, all bars are of it and there are actions, the series is kept as traded from now on.
    """
    written = ActionsWritten()
    sound = {}
    for action in _one_a_day(actions):
        if action_problem(action):
            written.rejected += 1
        else:
            sound[date.fromisoformat(action.ex_day), action.kind] = action
    with transaction.atomic():
        lock_series([series])
        stored = {(row.ex_day, row.kind): row for row in CorporateAction.objects.filter(series=series)}
        rows = []
        for key, action in sound.items():
            row = _changed_row(series, key, action, stored.get(key), source[:60])
            if row is None:
                continue
            if not overwrite and key in stored and stored[key].source != row.source:
                written.clashing.append(action)
                continue
            rows.append(row)
            before = _value(stored[key]) if key in stored else None
            written.changes.append(
                ActionChange(series.instrument.symbol, series.timeframe, *key, before=before, after=_value(row))
            )
        CorporateAction.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["series", "ex_day", "kind"],
            update_fields=["ratio", "amount", "source", "known_at"],
        )
        if prices is Prices.AS_TRADED and series.basis == Basis.VENDOR and (stored or rows):
            written.turned_as_traded = _turn_as_traded(series, source[:60])
        if rows or written.turned_as_traded:
            mark_changed(series)
    return written


def basis_set(*, series: Series, basis: str, user: Person | None) -> bool:
    """Say what the prices of a series are adjusted by; whether that is another basis than before. Models that were
    trained by the one before see other prices from now on. Raises BasisRefused."""
    if basis == Basis.AS_TRADED and series.timeframe == Timeframe.WEEK:
        raise BasisRefused(NO_WEEKS)
    with transaction.atomic():
        lock_series([series])
        if not Series.objects.filter(pk=series.pk).exclude(basis=basis).update(basis=basis):
            return False
        audit(user, "series.basis", str(series), basis=basis)
        series.basis = basis
        mark_changed(series)
    return True


def action_delete(*, action: CorporateAction, user: Person) -> None:
    with transaction.atomic():
        lock_series([action.series])
        details = {"ex_day": str(action.ex_day), "kind": action.kind, "value": _value(action)}
        audit(user, "action.delete", str(action.series), **details)
        action.delete()
        mark_changed(action.series)


def actions_file_import(*, path: Path, name: str = "", **options: Any) -> ActionReport:
    """As `actions_import`, of a file: CSV, CSV.gz or Parquet, which reports call `name` (default: as it is called)."""
    try:
        with open_sheet(path) as sheet:
            return actions_import(sheet=sheet, name=name or path.name, **options)
    except NotBars as reason:
        return nothing_stored(name or path.name, str(reason))


def actions_import(
    *,
    sheet: Sheet,
    name: str,
    user: Person | None,
    source: str = "",
    symbol: str | None = None,
    timeframe: str | None = None,
    on_bad: str = REJECT,
    basis: str = "",
) -> ActionReport:
    """Store the actions of a table, which reports call `name`, for every timeframe of their instruments or `timeframe`
    alone; `basis` for the same series. With `reject` one bad row and nothing is stored. What can't be used is told in
    the report, never raised."""
    try:
        rows = read_action_rows(sheet, symbol=symbol)
    except NotBars as reason:
        return nothing_stored(name, str(reason))
    series = _series_of({action.symbol for _, action in rows.actions}, timeframe)
    for line, action in rows.actions:
        if action.symbol not in series:
            bars = f"bars of {timeframe}" if timeframe else "bars"
            rows.refuse(BadRow(line, action.symbol, action.ex_day, f"no {bars} of {action.symbol} are stored"))
    rows.actions = [(line, action) for line, action in rows.actions if action.symbol in series]
    report = ActionReport(read=rows.read, duplicates=rows.duplicates, rejected=rows.bad)
    report.problems = [{"file": name, **vars(problem)} for problem in rows.problems]
    report.problems_omitted = rows.bad - len(rows.problems)
    if rows.bad and on_bad == REJECT:
        report.rejected = rows.read - rows.duplicates
        first = min(rows.problems, key=lambda problem: problem.row)
        report.refused = (
            f"{name}: {rows.bad} bad row{'s' if rows.bad > 1 else ''}, nothing stored. "
            f"First: line {first.row}: {first.reason}. Mend the file, or skip its bad rows."
        )
        return report
    _store(rows, series, report, source=source or name, basis=basis, user=user)
    return report


def _store(
    rows: ActionRows,
    series: dict[str, list[Series]],
    report: ActionReport,
    *,
    source: str,
    basis: str,
    user: Person | None,
) -> None:
    by_symbol: dict[str, list[Action]] = defaultdict(list)
    for _, action in rows.actions:
        by_symbol[action.symbol].append(action)
    with transaction.atomic():
        for symbol, actions in by_symbol.items():
            for member in series[symbol]:
                report.changes += actions_write(series=member, actions=actions, source=source).changes
                if basis:
                    _basis_of_import(member, basis, report, user)
                report.series[str(member)] = member.basis
        if report.changes:
            audit(user, "actions.import", source[:60], changes=[str(change) for change in report.changes[:_AUDITED]])
    inserted = {_key(change) for change in report.changes if change.before is None}
    report.inserted = len(inserted)
    report.updated = len({_key(change) for change in report.changes} - inserted)
    report.unchanged = len(rows.actions) - report.inserted - report.updated


def _basis_of_import(series: Series, basis: str, report: ActionReport, user: Person | None) -> None:
    try:
        basis_set(series=series, basis=basis, user=user)
    except BasisRefused as refusal:
        report.warnings.append(f"{series}: {refusal}")


def _key(change: ActionChange) -> tuple[str, date, str]:
    return change.symbol, change.ex_day, change.kind


def _series_of(symbols: set[str], timeframe: str | None) -> dict[str, list[Series]]:
    series: dict[str, list[Series]] = defaultdict(list)
    rows = Series.objects.filter(instrument__symbol__in=symbols).select_related("instrument").order_by("pk")
    for member in rows.filter(timeframe=timeframe) if timeframe else rows:
        series[member.instrument.symbol].append(member)
    return series


def _one_a_day(actions: Iterable[Action]) -> list[Action]:
    """Dividends of one day as their sum; what is told twice once."""
    merged: dict[tuple[str, str], Action] = {}
    for action in dict.fromkeys(actions):
        key = action.ex_day, action.kind
        paid = (merged[key].amount or 0.0) if key in merged and action.kind == DIVIDEND else 0.0
        merged[key] = replace(action, amount=paid + (action.amount or 0.0)) if paid else action
    return list(merged.values())


def _changed_row(
    series: Series, key: tuple[date, str], action: Action, row: CorporateAction | None, source: str
) -> CorporateAction | None:
    """What is to be stored; None where it is stored so."""
    ex_day, kind = key
    if row is not None and (row.ratio, row.amount) == (action.ratio, action.amount):
        return None
    return CorporateAction(
        series=series,
        ex_day=ex_day,
        kind=kind,
        ratio=action.ratio,
        amount=action.amount,
        source=source,
        known_at=timezone.now(),
    )


def _value(row: CorporateAction) -> float:
    return (row.ratio if row.kind == SPLIT else row.amount) or 0.0


def _turn_as_traded(series: Series, source: str) -> bool:
    if series.timeframe == Timeframe.WEEK or PriceBar.objects.filter(series=series).exclude(source=source).exists():
        return False
    audit(None, "series.basis", str(series), basis=Basis.AS_TRADED.value)
    Series.objects.filter(pk=series.pk).update(basis=Basis.AS_TRADED)
    series.basis = Basis.AS_TRADED
    return True

"""Writes to instruments, series, universes and bars."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from django.db import transaction

from instruments.imports.report import REJECT, Report
from instruments.models import Instrument, PriceBar, Series, Universe
from instruments.quant.bars import Bars
from instruments.quant.ingest.checks import SPELLED, SYMBOL, Checked, check
from instruments.quant.ingest.headers import NotBars
from instruments.quant.ingest.rows import RawTable
from instruments.sources.files import read_file, symbol_in_name
from instruments.store.revisions import IMPORT, Origin
from instruments.store.write_bars import Written, compare_bars, import_transaction, lock_series, write_bars

DEMO = "demo"
DEMO_SOURCE = "Quandl WIKI (demo)"
_DEMO_NAMES = {
    "AAPL": "Apple",
    "IBM": "International Business Machines",
    "MSFT": "Microsoft",
    "GOOG": "Google",
    "FB": "Facebook",
}


class BadName(ValueError):
    """A name that a universe can't have; the text says what would do."""


def bars_write(*, series: Series, bars: Bars, source: str, origin: Origin = IMPORT) -> Written:
    """Store the bars of one series; equal rows are left alone."""
    return series_write(parts=[(series, bars)], source=source, origin=origin)[series.pk]


def series_write(*, parts: list[tuple[Series, Bars]], source: str, origin: Origin = IMPORT) -> dict[int, Written]:
    """Store the bars of several series at once: what changed, by the series' primary key."""
    written = write_bars([(series, bars) for series, bars in parts if len(bars)], source[:60], origin)
    return {series.pk: written.get(series.pk, Written()) for series, _ in parts}


def file_import(
    *,
    path: Path,
    symbol: str | None = None,
    timeframe: str | None = None,
    source: str | None = None,
    on_bad: str = REJECT,
    universe: str = "",
    columns: Mapping[str, str] | None = None,
    date_order: str = "",
    overwrite: bool = True,
    origin: Origin = IMPORT,
) -> Report:
    """Store the bars of one file. What can't be used is told in the report, never raised.

    `columns` says by name which column a field has; `date_order` (day, month) which number comes first in dates that
    nothing else tells it of. Without `overwrite` bars that another source stored with other values stay.
    """
    try:
        table = read_file(path, columns)
    except NotBars as reason:
        report = Report()
        report.refuse(path.name, reason)
        return report
    if symbol is None and not table.has_symbols:
        symbol = symbol_in_name(path)
    return table_import(
        table=table,
        name=path.name,
        symbol=symbol,
        timeframe=timeframe,
        source=source or path.name,
        on_bad=on_bad,
        universe=universe,
        date_order=date_order,
        overwrite=overwrite,
        origin=origin,
    )


def table_import(
    *,
    table: RawTable,
    name: str,
    symbol: str | None,
    timeframe: str | None,
    source: str,
    on_bad: str = REJECT,
    universe: str = "",
    date_order: str = "",
    overwrite: bool = True,
    origin: Origin = IMPORT,
) -> Report:
    """Store the rows of `table`, which reports call `name`. With `reject` one bad row and nothing is stored."""
    report = Report()
    try:
        stored = _stored_of([symbol] if symbol else table.symbols)
        checked = check(table, symbol=symbol, timeframe=timeframe, date_order=date_order, stored=stored)
    except NotBars as reason:
        report.refuse(name, reason, rows=len(table))
        return report
    report.read, report.duplicates = checked.read, checked.duplicates
    report.list_problems(name, checked.problems, checked.bad)
    if checked.bad and on_bad == REJECT:
        report.rejected = checked.read - checked.duplicates
        first = checked.problems[0]
        report.refused.append(
            f"{name}: {checked.bad} bad row{'s' if checked.bad > 1 else ''}, nothing stored. "
            f"First: line {first.row}: {first.reason}. Mend the file, or skip its bad rows."
        )
        return report
    told = [text for text in table.symbols if text]
    if symbol is not None and told and told != [symbol]:
        report.warnings.append(f"{name} calls the instrument {told[0]}; it is stored as {symbol}, as you said.")
    report.rejected, report.overruled = checked.rejected, checked.overruled
    _store(checked, source, report, universe, overwrite=overwrite, origin=origin)
    return report


def _stored_of(symbols: Iterable[str]) -> set[str]:
    """Those of `symbols` that are stored although a new one may not be called so."""
    odd = [text for text in symbols if SPELLED.fullmatch(text) and not SYMBOL.fullmatch(text)]
    return set(Instrument.objects.filter(symbol__in=odd).values_list("symbol", flat=True)) if odd else set()


def demo_load(*, path: Path) -> Report:
    """Store the demo prices and name their instruments.

    What somebody else put there is left alone: bars of another source, and names.
    """
    report = Report()
    checked = check(read_file(path))
    own = PriceBar.objects.filter(series__instrument__symbol__in=checked.bars, series__timeframe=checked.timeframe)
    taken = set(own.exclude(source=DEMO_SOURCE).order_by().values_list("series__instrument__symbol", flat=True))
    bars = {symbol: bars for symbol, bars in checked.bars.items() if symbol not in taken}
    report.warnings += [f"{symbol} holds prices of your own: the demo leaves it alone." for symbol in sorted(taken)]
    report.read = sum(map(len, bars.values()))
    _store(replace(checked, bars=bars), DEMO_SOURCE, report, DEMO)
    for symbol, name in _DEMO_NAMES.items():
        Instrument.objects.filter(symbol=symbol, name="", currency="").update(name=name, currency="USD")
    return report


def series_make(symbols: Iterable[str], timeframe: str) -> list[Series]:
    """The series of each, in their order, and its instrument, made where there is none."""
    names = list(symbols)
    stored = _series_of(names, timeframe)
    if missing := sorted(set(names) - stored.keys()):  # in one order, or two imports could wait for each other
        with transaction.atomic():
            Instrument.objects.bulk_create((Instrument(symbol=symbol) for symbol in missing), ignore_conflicts=True)
            instruments = Instrument.objects.filter(symbol__in=missing)
            Series.objects.bulk_create(
                (Series(instrument=instrument, timeframe=timeframe) for instrument in instruments),
                ignore_conflicts=True,
            )
        stored |= _series_of(missing, timeframe)
    return [stored[symbol] for symbol in names]


def _series_of(symbols: Iterable[str], timeframe: str) -> dict[str, Series]:
    rows = Series.objects.filter(instrument__symbol__in=symbols, timeframe=timeframe).select_related("instrument")
    return {series.instrument.symbol: series for series in rows}


def universe_name_check(name: str) -> str:
    """The name, if a universe can have it. Raises BadName."""
    if name == "all" or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise BadName(
            f"A universe can't be named {name!r}. "
            "Use up to 40 letters, digits, - and _; `all` always means every active instrument."
        )
    return name


def _store(
    checked: Checked, source: str, report: Report, universe: str, *, overwrite: bool = True, origin: Origin = IMPORT
) -> None:
    with import_transaction():
        parts = list(zip(series_make(checked.bars, checked.timeframe), checked.bars.values(), strict=True))
        if not overwrite:
            lock_series([series for series, _ in parts])
            parts = [(series, _without_clashes(series, bars, source, report)) for series, bars in parts]
        earlier = _sources([series for series, _ in parts if series.rows])
        written = series_write(parts=parts, source=source, origin=origin)
        if universe:
            Universe.objects.get_or_create(name=universe)[0].instruments.add(
                *(series.instrument_id for series, _ in parts)
            )
    for series, _ in parts:
        change = written[series.pk]
        report.inserted += change.inserted
        report.updated += change.updated
        report.unchanged += change.unchanged
        report.cover(series)
        others = sorted(earlier[series.pk] - {source[:60]})
        if others and (change.inserted or change.updated):
            report.warnings.append(f"{series} now holds bars of several sources: {', '.join(others)}, {source}.")
        if change.updated:
            report.warnings.append(
                f"{series}: {change.updated} stored bars were rewritten (in all its imports: {series.rewritten})."
            )


def _without_clashes(series: Series, bars: Bars, source: str, report: Report) -> Bars:
    """Those of `bars` that rewrite nothing of another source."""
    comparison = compare_bars(series, bars, source[:60])
    for other, count in comparison.sources.items():
        report.rejected += count
        report.warnings.append(f"{series}: {count} bars that {other} stored with other values stay.")
    return bars.where(~comparison.clashing)


def _sources(series: list[Series]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    pairs = PriceBar.objects.filter(series__in=series).order_by().values_list("series_id", "source").distinct()
    for pk, source in pairs:
        found[pk].add(source)
    return found

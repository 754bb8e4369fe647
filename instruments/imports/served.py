"""Which source serves which series, and under which name it is asked for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet

from instruments.imports.services import DEMO_SOURCE
from instruments.imports.sources import kind_of
from instruments.models import REPAIR, Instrument, PriceBar, Series, Source, Universe
from instruments.store.repaired import newest_source_before_repairs
from instruments.universes import ALL, UnknownUniverse, ever_members


@dataclass(frozen=True)
class Served:
    """A series that a source serves. It isn't stored yet where its instrument has no bars, nor perhaps that one."""

    series: Series
    symbol: str  # as the source calls it


def served_series(source: Source, universe: str, symbols: Sequence[str] = (), *, adopts: bool) -> list[Served]:
    """Those of the universe's active instruments that the source serves; or of `symbols`, which it serves in any case.

    An instrument is served by the sources whose symbols name it; else by the source that its newest bar is from, before
    somebody repaired it; where that is none that is on, by any that `adopts` out of a universe that somebody made: not
    out of `all`, and no demo prices. Oldest newest bar first: what a refresh had to leave comes first the next time.
    Raises UnknownUniverse.
    """
    kind = kind_of(source)
    assert kind is not None
    instruments, owners = _instruments(universe, symbols), _Owners.read()
    series = _series_by_instrument(instruments)
    newest, adopts = _newest_sources(instruments), adopts and universe != ALL
    served = []
    for instrument in _with_new(instruments, symbols):
        own = series.get(instrument.pk, [])
        for each in _of_timeframes(instrument, own, kind.timeframes, is_named=instrument.symbol in symbols):
            owner = newest.get(each.pk, "")
            if instrument.symbol in symbols or owners.serves(source.name, instrument.symbol, owner, adopts=adopts):
                served.append(Served(each, source.symbols.get(instrument.symbol, instrument.symbol)))
    return sorted(served, key=lambda each: (each.series.last is not None, each.series.last))


def serving_sources(series: Series) -> list[str]:
    """Names of the sources that are on and serve a series with bars: those whose symbols name it, else the one that its
    newest bar is from; none that would only adopt it."""
    symbol, owners = series.instrument.symbol, _Owners.read()
    newest = _newest_sources(Instrument.objects.filter(pk=series.instrument_id)).get(series.pk, "")
    fits = {source.name for source in Source.objects.filter(enabled=True) if _has(source, series.timeframe)}
    return sorted(name for name in fits if owners.serves(name, symbol, newest, adopts=False))


def _has(source: Source, timeframe: str) -> bool:
    kind = kind_of(source)
    return kind is not None and timeframe in kind.timeframes


def require_universe(name: str) -> None:
    """Raises UnknownUniverse; one without bars will do."""
    if name != ALL and not Universe.objects.filter(name=name).exists():
        known = ", ".join([ALL, *Universe.objects.values_list("name", flat=True)])
        raise UnknownUniverse(f"There is no universe {name!r}. Known: {known}.")


@dataclass(frozen=True)
class _Owners:
    """`claims`: names of sources by the symbols that they name; `sources`: names of those that are on."""

    claims: Mapping[str, Collection[str]]
    sources: Collection[str]

    @classmethod
    def read(cls) -> "_Owners":
        claims, sources = defaultdict(set), set()
        for source in Source.objects.filter(enabled=True):
            sources.add(source.name)
            for symbol in source.symbols:
                claims[symbol].add(source.name)
        return cls(claims, sources)

    def serves(self, source: str, symbol: str, newest: str, *, adopts: bool) -> bool:
        """`newest`: whom the newest bar is from."""
        if symbol in self.claims:
            return source in self.claims[symbol]
        return newest == source if newest in self.sources else adopts and newest != DEMO_SOURCE


def _instruments(universe: str, symbols: Sequence[str]) -> QuerySet[Instrument]:
    if symbols:
        return Instrument.objects.filter(symbol__in=symbols)
    require_universe(universe)
    active = Instrument.objects.filter(active=True)
    return active if universe == ALL else active.filter(pk__in=ever_members(universe))


def _with_new(instruments: QuerySet[Instrument], symbols: Sequence[str]) -> list[Instrument]:
    stored = list(instruments)
    there = {instrument.symbol for instrument in stored}
    return [*stored, *(Instrument(symbol=symbol) for symbol in dict.fromkeys(symbols) if symbol not in there)]


def _series_by_instrument(instruments: QuerySet[Instrument]) -> Mapping[int, list[Series]]:
    """Those with bars."""
    rows = defaultdict(list)
    for series in Series.objects.filter(instrument__in=instruments, rows__gt=0).select_related("instrument"):
        rows[series.instrument_id].append(series)
    return rows


def _newest_sources(instruments: QuerySet[Instrument]) -> dict[int, str]:
    """By the series' primary key; of a repaired bar, whom it was from before."""
    newest = PriceBar.objects.filter(series__instrument__in=instruments, timestamp=F("series__last")).order_by()
    sources = dict(newest.values_list("series_id", "source"))
    repaired = [pk for pk, source in sources.items() if source.startswith(REPAIR)]
    return sources | {pk: newest_source_before_repairs(Series.objects.get(pk=pk)) for pk in repaired}


def _of_timeframes(
    instrument: Instrument, own: Sequence[Series], timeframes: Sequence[str], *, is_named: bool
) -> list[Series]:
    """Those that a kind of source has; a new one where the instrument has no bars, or none of these and was named."""
    fitting = [series for series in own if series.timeframe in timeframes]
    if fitting or (own and not is_named):
        return fitting
    return [Series(instrument=instrument, timeframe=timeframes[0])]

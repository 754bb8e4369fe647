"""Series brought up to date from a source: what is new is stored, what the source has rewritten is stored again.

Each series in a transaction of its own, by the one thread that writes: whoever is killed loses nothing of what was
stored, and the next refresh asks for the rest.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings

from boursomatic.shared.secrets import unseal
from instruments.calendars.services import calendars_fill
from instruments.calendars.sessions import read_sessions
from instruments.imports.actions import actions_write
from instruments.imports.asking import Answer, Asker, Patience, Question, Questioning
from instruments.imports.served import Served, served_series
from instruments.imports.services import bars_write, series_make
from instruments.imports.sources import KEY_LOST, key_is_lost, kind_of
from instruments.models import Series, Source
from instruments.quant.bars import Bars
from instruments.quant.calendars import ZONES, Sessions
from instruments.quant.finality import LENGTH
from instruments.quant.overlap import given_again, with_bars_before
from instruments.sources.base import SourceKind
from instruments.sources.errors import SourceError
from instruments.sources.http import Http
from instruments.sources.pace import Pace
from instruments.store.read_bars import load_bars
from instruments.store.repaired import bars_before_repairs
from instruments.store.revisions import Origin
from instruments.store.write_bars import import_transaction

OVERLAP = 10  # stored bars that are asked for again, beside the last one
COMPARED = 60  # stored bars that fresh ones must move like
YEARS = 20  # of a series without bars, where no first day is named


class NotRefreshable(Exception):
    """A source that can't be asked at all; the text says why."""


@dataclass
class Refreshed:
    """What a refresh of one source has come to, in series and bars. `failed`: why, by symbol. `rewritten` series had
    all their history asked for again. `kept_repaired` bars came again as they were before somebody repaired them, and
    stay repaired; of `repairs_replaced` symbols repaired bars came with other values, which were stored. `not_asked`:
    symbols left when it was given up, which `gave_up` explains."""

    asked: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    held_back: int = 0
    bad: int = 0
    rewritten: list[str] = field(default_factory=list)
    kept_repaired: int = 0
    repairs_replaced: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_asked: list[str] = field(default_factory=list)
    gave_up: str = ""


OnLook = Callable[[int, int, str], None]  # (series done, series to do, what is waited for)


def source_refresh(
    *,
    source: Source,
    universe: str,
    symbols: Sequence[str] = (),
    since: date | None = None,
    days: tuple[date, date] | None = None,
    adopts: bool = True,
    on_look: OnLook = lambda done, todo, waits: None,
    patience: Patience | None = None,
    run_id: str = "",
) -> Refreshed:
    """Ask `source` for what it serves (instruments.imports.served) up to now, or for bars of these `days` alone (the
    first, the last), and store what is final.

    What that changes is recorded as of the run `run_id`. Raises NotRefreshable, UnknownUniverse, and what `on_look`
    raises, which is called twice a second.
    """
    asker = _asker(source, patience or Patience())
    calendars_fill()
    served = served_series(source, universe, symbols, adopts=adopts)
    left = {(each.series.instrument.symbol, each.series.timeframe): each.series for each in served}
    refreshed = Refreshed()

    def store(question: Question, answer: Answer) -> None:
        refreshed.asked += 1
        series = left.pop((question.name, question.timeframe))
        _store(series, answer, source.name, refreshed, Origin(run_id=run_id))

    def look() -> None:
        resting = asker.pace.resting_s()
        on_look(refreshed.asked, len(served), f"asked too often, goes on in {resting:.0f} s" if resting > 1 else "")

    asking = Questioning(asker, store, look)
    questions = _questions(served, since, asker.now)
    asking.ask_all((_of_days(question, *days) for question in questions) if days else questions)
    refreshed.gave_up, refreshed.not_asked = asking.gave_up, sorted(name for name, _ in left)
    return refreshed


def require_refreshable(source: Source) -> SourceKind:
    """Its kind. Raises NotRefreshable."""
    kind = kind_of(source)
    if kind is None or not kind.is_installed:
        raise NotRefreshable(f"This server has no source of kind {source.kind}: its package isn't installed.")
    if not source.enabled:
        raise NotRefreshable(f"The source {source.name} is off. Switch it on on its page.")
    if key_is_lost(source):
        raise NotRefreshable(f"{source.name}: {KEY_LOST}")
    return kind


def _asker(source: Source, patience: Patience) -> Asker:
    kind, key = require_refreshable(source), unseal(source.sealed_key)
    pace = Pace(_calls_a_minute(kind, source.options))
    http = Http(settings.SOURCE_HOSTS, turn=pace.turn, cache=settings.HOME / "cache")
    return Asker(kind, source.options, key, http, pace, patience, now=time.time())


def _calls_a_minute(kind: SourceKind, options: dict[str, Any]) -> int | None:
    given = options.get("calls_a_minute")
    return int(given) if given else kind.calls_a_minute


def _questions(served: list[Served], since: date | None, now: float) -> Iterator[Question]:
    """Read when they are asked, a few at a time: bars change while a long refresh goes on."""
    calendars: dict[str, Sessions | None] = {}
    today = datetime.fromtimestamp(now, UTC).date()
    new = since or today.replace(year=today.year - YEARS, day=1)
    for each in served:
        instrument = each.series.instrument
        if instrument.calendar not in calendars:
            first, last = today - timedelta(days=30), today + timedelta(days=10)
            calendars[instrument.calendar] = read_sessions(instrument.calendar, first, last)
        stored = _newest_bars(each.series)
        yield Question(
            name=instrument.symbol,
            symbol=each.symbol,
            timeframe=each.series.timeframe,
            start=_day(int(stored.time[-OVERLAP - 1 :][0])) if stored else new,
            first=each.series.first.date() if each.series.first else new,
            stored=stored,
            sessions=calendars[instrument.calendar],
            zone=instrument.zone or ZONES.get(instrument.calendar, ""),
        )


def _of_days(question: Question, first: date, last: date) -> Question:
    """What is stored is held against them just so, where it is as new."""
    return replace(question, start=first, first=first, last=last)


def _newest_bars(series: Series) -> Bars | None:
    if series.last is None:
        return None
    span = timedelta(seconds=3 * COMPARED * LENGTH[series.timeframe])
    bars, before = load_bars(series, start=series.last - span), bars_before_repairs(series)
    bars = with_bars_before(bars, before) if before else bars
    return bars.slice(max(0, len(bars) - COMPARED), len(bars))


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _store(series: Series, answer: Answer, source: str, refreshed: Refreshed, origin: Origin) -> None:
    symbol = series.instrument.symbol
    if isinstance(answer, SourceError):
        refreshed.failed[symbol] = str(answer)
        return
    refreshed.held_back += answer.held_back
    refreshed.bad += answer.bad
    refreshed.rewritten += [symbol] if answer.is_whole else []
    if len(answer.bars) == 0:
        return
    with import_transaction():
        series = _made(series)
        bars = _unless_repaired(series, answer.bars, refreshed)
        written = bars_write(series=series, bars=bars, source=source, origin=origin)
        actions_write(series=series, actions=answer.actions, source=source, prices=answer.prices, overwrite=False)
    refreshed.inserted += written.inserted
    refreshed.updated += written.updated
    refreshed.unchanged += written.unchanged


def _unless_repaired(series: Series, bars: Bars, refreshed: Refreshed) -> Bars:
    """Without those that come as they were before they were repaired: the repair stands until the source says otherwise
    than it did."""
    before = bars_before_repairs(series)
    if before is None:
        return bars
    again, other = given_again(bars, before)
    refreshed.kept_repaired += int(again.sum())
    refreshed.repairs_replaced += [series.instrument.symbol] if other.any() else []
    return bars.where(~again)


def _made(series: Series) -> Series:
    return series if series.pk else series_make([series.instrument.symbol], series.timeframe)[0]

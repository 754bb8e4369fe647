"""Refreshes: what is new comes, what was rewritten is told, no failure costs more than what it is about."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from instruments.imports.asking import CONNECTIONS, Patience
from instruments.imports.refresh import NotRefreshable, Refreshed, source_refresh
from instruments.imports.served import served_series, serving_sources
from instruments.imports.services import DEMO_SOURCE
from instruments.imports.sources import source_change
from instruments.models import (
    REPAIR,
    CorporateAction,
    Instrument,
    PriceBar,
    RevisionKind,
    Series,
    Source,
    Universe,
    UniverseMember,
)
from instruments.quant.actions import SPLIT, Action
from instruments.sources.base import Fetched, Query
from instruments.sources.http import Http
from instruments.sources.registry import KINDS
from instruments.store.read_bars import load_bars
from instruments.store.revisions import Origin
from instruments.store.write_bars import remove_bars, write_bars
from instruments.universes import UnknownUniverse
from tests.instruments.imports.replayed import (
    DAYS,
    QUICK,
    WATCHED,
    Replayed,
    add_instruments,
    add_source,
    stored_closes,
    yesterday,
)
from tests.instruments.sources.test_failures import CAPTCHA
from tests.instruments.sources.vendor import Asked, Reply, Vendor, text

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.fixture
def source(carol: User, shop: Vendor, settings: Any) -> Source:
    return add_source(carol, shop, settings)


def refresh(source: Source, universe: str = WATCHED, patience: Patience = QUICK, **more: Any) -> Refreshed:
    return source_refresh(source=source, universe=universe, patience=patience, **more)


def first_time(asked: list[Asked]) -> Callable[[Reply], Callable[[Asked], Reply | None]]:
    """Fails once a path, and is well then."""

    def failing(reply: Reply) -> Callable[[Asked], Reply | None]:
        return lambda now: reply if sum(before.path == now.path for before in asked) == 1 else None

    return failing


def test_it_stores_a_universe_that_has_no_bars_yet(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A", "B", "C"])
    add_instruments(["A", "B", "C"])
    Universe.objects.create(name="two").instruments.set(Instrument.objects.exclude(symbol="C"))
    refreshed = refresh(source, "two")
    assert (refreshed.asked, refreshed.inserted, refreshed.failed) == (2, 2 * DAYS, {})
    assert stored_closes("A") == replayed.closes("A") and stored_closes("C") == {}


def test_who_was_a_member_twice_is_asked_for_once(source: Source, shop: Vendor) -> None:
    Replayed(shop, ["A"])
    add_instruments(["A"])
    member, universe = Instrument.objects.get(), Universe.objects.create(name="again")
    for start, end in ((None, date(2015, 1, 1)), (date(2018, 1, 1), None)):
        UniverseMember.objects.create(universe=universe, instrument=member, start=start, end=end)
    assert refresh(source, "again").asked == 1
    series = Series.objects.get(instrument__symbol="A")
    assert (series.rows, series.timeframe) == (DAYS, "1d")
    assert set(PriceBar.objects.values_list("source", flat=True)) == {"files"}


def test_it_adds_what_has_come_since(source: Source, shop: Vendor) -> None:
    add_instruments(["A"])
    Replayed(shop, ["A"], last=yesterday() - timedelta(days=3))
    refresh(source)
    replayed = Replayed(shop, ["A"])
    refreshed = refresh(source)
    assert (refreshed.inserted, refreshed.updated, refreshed.unchanged) == (3, 0, 11)
    assert [*stored_closes("A")][-3:] == [*replayed.closes("A")][-3:]
    assert not refresh(source).inserted


def test_it_stores_what_the_source_has_corrected(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A"])
    add_instruments(["A"])
    refresh(source)
    day = yesterday() - timedelta(days=4)
    PriceBar.objects.filter(timestamp__date=day).update(close=101.5, open=101.5, high=103, low=101)
    PriceBar.objects.filter(timestamp__date=yesterday() - timedelta(days=20)).update(volume=5)  # before the overlap
    refreshed = refresh(source)
    assert (refreshed.updated, refreshed.rewritten, replayed.asked("A")) == (1, [], 2)
    assert stored_closes("A")[day] == replayed.closes("A")[day]
    assert PriceBar.objects.filter(volume=5).exists()
    assert Series.objects.get().rewritten == 1


@pytest.mark.parametrize("ago", [0, 5, 10])
def test_it_asks_for_everything_where_the_overlap_is_scaled(source: Source, shop: Vendor, ago: int) -> None:
    """A split, and a source that adjusts for it: all that came before it is rewritten."""
    add_instruments(["A"])
    Replayed(shop, ["A"], last=yesterday() - timedelta(days=1))
    refresh(source)
    replayed = Replayed(shop, ["A"], scale={"A": (yesterday() - timedelta(days=1 + ago), 0.25)})
    refreshed = refresh(source)
    assert refreshed.rewritten == ["A"] and refreshed.inserted == 1
    closes = replayed.closes("A")
    assert {day: close for day, close in stored_closes("A").items() if day in closes} == closes


def repair(series: Series, *, changed: Sequence[date], removed: Sequence[date], number: int = 7) -> None:
    """Those times ten, these taken away, as by a repair."""
    origin, bars = Origin(RevisionKind.REPAIR), load_bars(series)
    seconds = [np.array([(day - date(1970, 1, 1)).days * 86_400 for day in days]) for days in (changed, removed)]
    bars = bars.where(np.isin(bars.time, seconds[0]))
    tenfold = {name: getattr(bars, name) * 10 for name in ("open", "high", "low", "close", "adj_close")}
    write_bars([(series, replace(bars, **tenfold))], f"{REPAIR}{number}", origin)
    with transaction.atomic():
        remove_bars(series, seconds[1], f"{REPAIR}{number}", origin)


def test_repaired_bars_stay_repaired_until_the_source_says_otherwise(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A"])
    add_instruments(["A"])
    refresh(source)
    series, vendor = Series.objects.get(), replayed.closes("A")
    changed, removed = [yesterday() - timedelta(days=back) for back in (10, 9)], yesterday() - timedelta(days=4)
    repair(series, changed=changed, removed=[removed])
    refreshed = refresh(source)
    assert (refreshed.kept_repaired, refreshed.repairs_replaced) == (3, [])
    assert (refreshed.updated, refreshed.inserted, refreshed.rewritten) == (0, 0, [])
    assert replayed.asked("A") == 2  # the overlap is no sign of a history that was rewritten
    closes = stored_closes("A")
    assert removed not in closes and [closes[day] for day in changed] == [10 * vendor[day] for day in changed]
    replayed.scale["A"] = (changed[0], 1.01)  # its own correction of the first, and of all before
    refreshed = refresh(source)
    assert (refreshed.kept_repaired, refreshed.repairs_replaced) == (2, ["A"])
    closes = stored_closes("A")
    assert removed not in closes and closes[changed[0]] == replayed.closes("A")[changed[0]]
    assert closes[changed[1]] == 10 * vendor[changed[1]]
    replayed.scale.clear()  # back to what it once was: no repair stands there any more
    assert refresh(source).repairs_replaced == [] and stored_closes("A")[changed[0]] == vendor[changed[0]]


def test_it_asks_for_bars_of_some_days_alone(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A"])
    add_instruments(["A"])
    refresh(source)
    days = [yesterday() - timedelta(days=back) for back in (25, 20, 15)]
    bars = PriceBar.objects.filter(timestamp__date__in=days)
    bars.delete()
    PriceBar.objects.filter(timestamp__date=yesterday()).update(volume=5)
    assert not refresh(source).inserted  # they are older than what is asked for again
    PriceBar.objects.filter(timestamp__date=yesterday()).update(volume=5)
    refreshed = refresh(source, symbols=["A"], days=(days[0], days[1]))
    assert (refreshed.inserted, refreshed.updated, refreshed.unchanged) == (2, 0, 4)
    assert PriceBar.objects.filter(timestamp__date=yesterday(), volume=5).exists()  # not of these days
    assert {day: stored_closes("A").get(day) for day in days} == replayed.closes("A").fromkeys(days) | {
        day: replayed.closes("A")[day] for day in days[:2]
    }
    nothing = refresh(source, symbols=["A"], days=(date(2001, 1, 1), date(2001, 1, 5)))
    assert "no rows for A from 2001-01-01 to 2001-01-05" in nothing.failed["A"]


def test_it_stores_no_bar_of_a_session_that_is_not_over(source: Source, shop: Vendor) -> None:
    today = datetime.now(UTC).date()
    Replayed(shop, ["A"], last=today)
    add_instruments(["A"])
    refreshed = refresh(source)
    assert (refreshed.inserted, refreshed.held_back) == (DAYS - 1, 1)
    assert max(stored_closes("A")) == today - timedelta(days=1)


@pytest.mark.parametrize(
    "reply",
    [text("Too Many Requests", 429), text("Too Many Requests", 429, Retry_After="1"), text("down", 500)],
    ids=["429", "429 with a time", "500"],
)
def test_it_waits_and_asks_again(source: Source, shop: Vendor, reply: Reply) -> None:
    replayed = Replayed(shop, ["A", "B"])
    replayed.fails["A"] = first_time(shop.asked)(reply)
    add_instruments(["A", "B"])
    refreshed = refresh(source)
    assert (refreshed.inserted, refreshed.failed, refreshed.gave_up) == (2 * DAYS, {}, "")
    assert replayed.asked("A") == 2


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (text("Too Many Requests", 429), "asked too often"),
        (text("", 429, Retry_After="7200"), "asked too often"),
        (text("down", 503), "fault of its own"),
        (text("who are you", 403), "refuses the key"),
        (CAPTCHA, "robot"),
    ],
    ids=["429", "429 for two hours", "503", "403", "captcha"],
)
def test_it_gives_up_on_a_source_that_answers_nobody(source: Source, shop: Vendor, reply: Reply, says: str) -> None:
    symbols = [f"S{n:02}" for n in range(3 * CONNECTIONS)]
    replayed = Replayed(shop, symbols)
    replayed.fails = dict.fromkeys(symbols, lambda asked: reply)
    add_instruments(symbols)
    refreshed = refresh(source)
    assert says in refreshed.gave_up and refreshed.inserted == 0
    assert len(refreshed.failed) >= CONNECTIONS and refreshed.not_asked
    assert sorted([*refreshed.failed, *refreshed.not_asked]) == symbols
    replayed.fails = {}
    assert len(refresh(source).failed) == 0 and Series.objects.filter(rows=DAYS).count() == len(symbols)


def test_it_stores_the_half_that_answers(source: Source, shop: Vendor) -> None:
    symbols = [f"S{n:02}" for n in range(4 * CONNECTIONS)]
    replayed = Replayed(shop, symbols)
    replayed.fails = dict.fromkeys(symbols[::2], lambda asked: text("Not Found", 404))
    add_instruments(symbols)
    refreshed = refresh(source)
    assert sorted(refreshed.failed) == symbols[::2] and not refreshed.not_asked
    assert "nothing under this name" in refreshed.failed["S00"]
    assert refreshed.inserted == len(symbols) // 2 * DAYS


def test_it_takes_no_other_instruments_bars(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A", "B"])
    add_instruments(["A"])
    refresh(source)
    before = stored_closes("A")
    shop.routes["/A.csv"] = text(replayed.csv("B"))
    assert "don't move as those" in refresh(source).failed["A"]
    assert stored_closes("A") == before


def test_it_says_which_universes_there_are(source: Source) -> None:
    with pytest.raises(UnknownUniverse, match="Known: all"):
        refresh(source, "none")


class Cancelled(Exception):
    pass


def test_it_ends_when_it_is_told_to_and_keeps_what_is_stored(source: Source, shop: Vendor) -> None:
    symbols = [f"S{n:02}" for n in range(4 * CONNECTIONS)]
    replayed = Replayed(shop, symbols)
    add_instruments(symbols)

    def look(done: int, todo: int, waits: str) -> None:
        if done >= 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        refresh(source, on_look=look)
    stored = Series.objects.filter(rows=DAYS).count()
    assert 5 <= stored < len(symbols)
    assert refresh(source).inserted == (len(symbols) - stored) * DAYS
    assert all(stored_closes(symbol) == replayed.closes(symbol) for symbol in symbols)


def test_it_leaves_to_another_source_what_that_serves(source: Source, carol: User, shop: Vendor, settings: Any) -> None:
    other = add_source(carol, shop, settings, name="other")
    replayed = Replayed(shop, ["A", "B", "C.US"])
    add_instruments(["A", "B", "C"])
    refresh(other, symbols=["B"])
    source_change(source=other, user=carol, symbols={"C": "C.US"})
    assert refresh(source).asked == 1 and stored_closes("A") == replayed.closes("A")
    refresh(other)
    assert stored_closes("C") == replayed.closes("C.US")
    owners = {bar.series.instrument.symbol: bar.source for bar in PriceBar.objects.select_related("series__instrument")}
    assert owners == {"A": "files", "B": "other", "C": "other"}
    assert refresh(other, adopts=False).asked == 2


def test_it_takes_over_bars_of_a_file(source: Source, shop: Vendor) -> None:
    Replayed(shop, ["A"], last=yesterday() - timedelta(days=2))
    add_instruments(["A"])
    refresh(source)
    PriceBar.objects.update(source="prices.csv")
    replayed = Replayed(shop, ["A"])
    assert refresh(source, adopts=False).asked == 0
    assert refresh(source).inserted == 2 and refresh(source, adopts=False).asked == 1
    assert [*stored_closes("A").items()][-5:] == [*replayed.closes("A").items()][-5:]


def test_it_stores_symbols_that_nobody_knows_yet(source: Source, shop: Vendor) -> None:
    replayed = Replayed(shop, ["NEW"])
    assert refresh(source, symbols=["NEW"], since=date(2020, 1, 1)).inserted > 0
    assert max(stored_closes("NEW")) in replayed.closes("NEW")


def test_it_says_why_a_source_can_not_be_asked(source: Source, carol: User) -> None:
    source_change(source=source, user=carol, enabled=False)
    with pytest.raises(NotRefreshable, match="is off"):
        refresh(source)


def test_it_asks_first_for_what_is_oldest(source: Source, shop: Vendor) -> None:
    """What a refresh had to leave comes first the next time."""
    replayed = Replayed(shop, ["A", "B"], last=yesterday() - timedelta(days=5))
    add_instruments(["A", "B", "C"])
    refresh(source, symbols=["B"])
    replayed.last = yesterday()
    refresh(source, symbols=["A"])
    assert [each.symbol for each in served_series(source, WATCHED, adopts=True)] == ["C", "B", "A"]


def test_of_all_it_asks_for_what_it_serves_alone(source: Source, carol: User, shop: Vendor) -> None:
    replayed = Replayed(shop, ["A", "B", "OWN", "DEMO", "NAMED"])
    add_instruments(["A", "B", "OWN", "DEMO", "NAMED"])
    refresh(source, symbols=["A", "OWN", "DEMO"])
    for symbol, name in {"OWN": "prices.csv", "DEMO": DEMO_SOURCE}.items():
        PriceBar.objects.filter(series__instrument__symbol=symbol).update(source=name)
    source_change(source=source, user=carol, symbols={"NAMED": "NAMED"})
    shop.asked.clear()
    assert refresh(source, "all").asked == 2 and replayed.asked("A") == replayed.asked("NAMED") == 1
    assert refresh(source).asked == 4 and replayed.asked("DEMO") == 0
    assert refresh(source, symbols=["DEMO"]).asked == 1


def test_whose_newest_bar_was_repaired_stays_with_its_source(
    source: Source, carol: User, shop: Vendor, settings: Any
) -> None:
    other = add_source(carol, shop, settings, name="other")
    replayed = Replayed(shop, ["A"], last=yesterday() - timedelta(days=1))
    add_instruments(["A"])
    refresh(source)
    series, newest = Series.objects.get(), replayed.last
    for number in (7, 8):
        repair(series, changed=[newest], removed=[], number=number)
    replayed.last = yesterday()
    assert serving_sources(series) == ["files"] and refresh(other).asked == 0
    refreshed = refresh(source, "all", adopts=False)
    assert (refreshed.inserted, refreshed.kept_repaired) == (1, 1)


def test_it_stores_what_the_source_tells_of_splits_and_dividends(
    carol: User, shop: Vendor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = add_source(carol, shop, settings)
    replayed = Replayed(shop, ["A", "B"])
    add_instruments(["A", "B"])
    own = KINDS[source.kind]
    ex_day = (yesterday() - timedelta(days=9)).isoformat()

    def fetch(query: Query, http: Http) -> Fetched:
        told = (Action("A", ex_day, SPLIT, ratio=2.0),) if query.symbol == "A" else ()
        return replace(own.fetch(query, http), actions=told)

    monkeypatch.setitem(KINDS, source.kind, replace(own, fetch=fetch))
    refreshed = refresh(source)
    assert refreshed.failed == {} and stored_closes("A") == replayed.closes("A")
    action = CorporateAction.objects.get()
    assert (action.ex_day.isoformat(), action.ratio, action.source) == (ex_day, 2.0, source.name)
    assert dict(Series.objects.values_list("instrument__symbol", "basis")) == {"A": "as_traded", "B": "vendor"}
    before = Series.objects.get(instrument__symbol="A").updated_at
    assert not refresh(source).updated
    assert Series.objects.get(instrument__symbol="A").updated_at == before

"""Bars as they stood: whatever imports, repairs and removals there were, at any moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.imports.services import bars_write
from instruments.models import BarRevision, PriceBar, Series
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.revisions import PRICES, Change, pack, unpack
from instruments.store.read_bars import load_bars, load_candles, load_marked, time_before
from instruments.store.revisions import NotRecorded, Origin, bars_as_known, find_then, with_bars
from instruments.store.write_bars import lock_series, remove_bars
from tests.instruments.bars import empty, walk
from tests.training.quant.noise import DAY, fill_forward, noise_bars

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
NAMES = count()
SLOTS = 12
# An import: slots with one of three values each, and its source; or slots that are removed.
IMPORTS = st.tuples(
    st.dictionaries(st.integers(0, SLOTS - 1), st.sampled_from([10.0, 11.0, 12.5]), min_size=1, max_size=SLOTS),
    st.sampled_from(["one", "two"]),
    st.booleans(),
)


def bars_of(slots: dict[int, float]) -> Bars:
    places = np.array(sorted(slots), dtype=np.int64)
    price = np.array([slots[place] for place in places])
    return Bars(places * DAY + 1_000_000 * DAY // 100, price, price + 1, price - 1, price, price * 100, price / 2)


def remove(series: Series, bars: Bars) -> None:
    with transaction.atomic():
        lock_series([series])
        remove_bars(series, bars.time, "repair", Origin())


def sources(series: Series) -> list[tuple[datetime, str]]:
    return list(PriceBar.objects.filter(series=series).order_by("timestamp").values_list("timestamp", "source"))


@settings(max_examples=60, deadline=None)
@given(imports=st.lists(IMPORTS, max_size=6))
def test_as_known_is_what_was_stored_then(imports: list[tuple[dict[int, float], str, bool]]) -> None:
    series = empty(f"S{next(NAMES)}", "1d")
    moments, states, of_bars = [timezone.now()], [load_bars(series)], [sources(series)]
    for slots, source, is_removal in imports:
        if is_removal:
            remove(series, bars_of(slots))
        else:
            bars_write(series=series, bars=bars_of(slots), source=source)
        moments.append(timezone.now())
        states.append(load_bars(series))
        of_bars.append(sources(series))
    for moment, state in zip(moments, states, strict=True):
        assert fingerprint(bars_as_known(series, moment)) == fingerprint(state)
    for revision, before in zip(_revisions(series), _before_each(states, of_bars), strict=True):
        change = unpack(bytes(revision.content))
        named = dict(zip(change.time.tolist(), change.sources, strict=True))
        assert all(before[time] == name for time, name in named.items())
        assert (revision.changed, revision.first <= revision.last) == (len(change.time), True)


def _revisions(series: Series) -> list[BarRevision]:
    return list(BarRevision.objects.filter(series=series).order_by("pk"))


def _before_each(states: list[Bars], of_bars: list[list[tuple[datetime, str]]]) -> Iterator[dict[int, str]]:
    """Where bars came from, before each import that changed any."""
    for before, (state, later) in zip(of_bars, pairwise(states), strict=False):
        if fingerprint(state) != fingerprint(later):
            yield {int(moment.timestamp()): source for moment, source in before}


def test_bars_at_the_end_take_a_few_bytes_and_a_dividend_one_row() -> None:
    series, bars = empty("X", "1d"), noise_bars(1000)
    bars_write(series=series, bars=bars.slice(0, 900), source="vendor")
    bars_write(series=series, bars=bars.slice(890, 1000), source="vendor")
    rows = list(BarRevision.objects.order_by("pk"))
    assert [(row.added, row.changed) for row in rows] == [(900, 0), (100, 0)]
    assert all(len(row.content) < 60 for row in rows)
    paid = Bars(*(getattr(bars, name) for name in ("time", *PRICES[:-1])), bars.adj_close * 0.99)
    bars_write(series=series, bars=paid, source="vendor")
    dividend = BarRevision.objects.latest("pk")
    assert (BarRevision.objects.count(), dividend.changed, dividend.added) == (3, 1000, 0)
    change = unpack(bytes(dividend.content))
    assert list(change.prices) == ["adj_close"] and len(dividend.content) < 9000
    bars_write(series=series, bars=paid, source="vendor")
    assert BarRevision.objects.count() == 3  # nothing changed, nothing is recorded


def test_what_was_before_recording_is_not_told() -> None:
    series = empty("X", "1d")
    bars_write(series=series, bars=walk(5), source="vendor")
    series.recorded_from = timezone.now()
    assert len(bars_as_known(series, timezone.now())) == 5
    with pytest.raises(NotRecorded, match="is recorded from"):
        bars_as_known(series, series.recorded_from - timedelta(seconds=1))


def test_it_finds_the_state_that_holds_and_what_changed_it() -> None:
    series, bars = empty("X", "1d"), noise_bars(50)
    began = timezone.now()
    bars_write(series=series, bars=bars.slice(0, 40), source="vendor")
    first, moment = load_bars(series), timezone.now()
    bars_write(series=series, bars=bars.slice(40, 50), source="vendor")
    remove(series, bars.slice(3, 5))

    def is_first(then: Series) -> bool:
        return fingerprint(load_bars(then)) == fingerprint(first)

    then = find_then(series, moment, is_first)
    assert then is not None and [row.source for row in then.since] == ["repair", "vendor"]
    assert find_then(series, moment, lambda then: len(load_bars(then)) == 7) is None
    now = find_then(series, began, lambda then: then is series)
    assert now is not None and not now.since


def test_a_series_that_holds_its_bars_is_read_as_the_same_stored() -> None:
    series = empty("X", "1d")
    filled, _ = fill_forward(noise_bars(120), seed=1, share=0.3, how="flat")
    bars_write(series=series, bars=filled, source="vendor")
    then = with_bars(series, load_bars(series))
    day = [datetime.fromtimestamp(int(time), UTC) for time in filled.time]
    for more in ({}, {"start": day[30]}, {"end": day[60]}, {"start": day[30], "end": day[60], "before": 7, "after": 9}):
        assert fingerprint(load_bars(then, **more)) == fingerprint(load_bars(series, **more))  # type: ignore[arg-type]
        for load in (load_marked, load_candles):
            read, stored = load(then, **more), load(series, **more)  # type: ignore[operator]
            assert fingerprint(read.stored) == fingerprint(stored.stored) and np.array_equal(read.stale, stored.stale)
    for places in (1, 30, 31):
        assert time_before(then, day[30], places) == time_before(series, day[30], places)


def test_nothing_is_packed_and_unpacked() -> None:
    change = unpack(pack(Change()))
    assert change.added.shape == (0, 2) and not len(change.time) and not change.sources
    bars = walk(5)
    assert fingerprint(change.undone(bars)) == fingerprint(bars)

"""Bars of series that are kept as traded: the same numbers on every way to them, and no later action in an earlier."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.health.subjects import Peers
from instruments.imports.actions import basis_set
from instruments.imports.services import bars_write
from instruments.models import Basis, Series
from instruments.quant.bars import Bars
from instruments.quant.health.checks import find_flaws
from instruments.store.actions import read_adjustments
from instruments.store.columns import featured_candles, mapped_bars, marked_bars
from instruments.store.features import features_compute, load_features
from instruments.store.read_bars import load_bars, load_candles, load_marked, load_marked_many
from instruments.web.sparklines import sparklines
from tests.instruments.actions import day_of, dividend, split, split_at, store_as_traded
from tests.instruments.bars import empty
from tests.instruments.store.test_columns import assert_right, bar_queries, packs, same_bars
from tests.people import ApiOf
from tests.training.quant.noise import fill_forward, noise_bars

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
CLEAN = noise_bars(400, seed=4)
SPLITS = {150: 4.0, 300: 0.5}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.COLUMNS_ROOT = tmp_path / "columns"
    return tmp_path / "columns"


def traded(symbol: str = "AAA") -> Series:
    """Two splits and a dividend."""
    bars = split_at(CLEAN, SPLITS)
    series = store_as_traded(empty(symbol, "1d"), bars, SPLITS)
    dividend(series, day_of(bars, 200), 0.5)
    return series


def several() -> list[Series]:
    """Among others; one of the two as traded has stale bars."""
    filled, _ = fill_forward(noise_bars(280, seed=3), seed=3, share=0.2, how="repeat")
    vendors = empty("VVV", "1d")
    bars_write(series=vendors, bars=noise_bars(300), source="test")
    stale = store_as_traded(empty("STA", "1d"), split_at(filled, {120: 3.0}), {120: 3.0})
    return [stale, vendors, traded(), store_as_traded(empty("EEE", "1d"), noise_bars(90))]


def moment(bars: Bars, place: int) -> datetime:
    return datetime.fromtimestamp(int(bars.time[place]), UTC)


def test_it_reads_the_same_from_whole_series_slices_the_cache_and_the_table(folder: Path) -> None:
    series = several()
    assert_right(series, featured_candles(series))
    assert packs(folder) == {"bars", "candles", "features"}
    assert_right(series, featured_candles(series))  # from what lies there now
    for member, marked, own in zip(series, marked_bars(series), load_marked_many(series), strict=True):
        assert same_bars(marked.bars, own.bars) and same_bars(marked.candles, own.candles)
        place = len(own.stored) // 2
        slice_ = load_marked(member, start=moment(own.stored, place), end=moment(own.stored, place + 30), before=7)
        first = int(np.searchsorted(own.stored.time, slice_.stored.time[0]))
        assert same_bars(slice_.bars, own.bars.slice(first, first + len(slice_.stored)))
        candles = load_candles(member, start=moment(own.stored, place), before=5, after=3).candles
        at = int(np.searchsorted(own.candles.time, candles.time[0]))
        assert same_bars(candles, own.candles.slice(at, at + len(candles)))
        mapped = mapped_bars(member)
        assert mapped is not None and same_bars(mapped.bars, own.bars)
    features_compute(series=series, on_series=lambda *_: None)
    for member, history in zip(series, featured_candles(series), strict=True):
        table = load_features([member.pk]).matrix.astype(np.float32)
        assert np.array_equal(table, history.features, equal_nan=True)


def test_a_split_market_has_the_features_of_one_that_never_split() -> None:
    bars = split_at(CLEAN, SPLITS)
    clean = store_as_traded(empty("CLEAN", "1d"), CLEAN)
    there, here = featured_candles([clean, store_as_traded(empty("SPLIT", "1d"), bars, SPLITS)])
    assert here.features == pytest.approx(there.features, rel=1e-4, abs=1e-6, nan_ok=True)
    assert here.candles.adjusted().close == pytest.approx(CLEAN.close, rel=1e-12)
    assert here.candles.volume == pytest.approx(CLEAN.volume, rel=1e-12)


def test_a_new_action_is_noticed_and_changes_nothing_before_its_day() -> None:
    series = traded()
    (before,), (marked,) = featured_candles([series]), marked_bars([series])
    dividend(series, day_of(CLEAN, 350), 1.0)
    split(series, "2030-01-02", 10.0)
    (after,), (marked_after,) = featured_candles([series]), marked_bars([series])
    assert_right([series], [after])
    assert same_bars(after.candles.slice(0, 350), before.candles.slice(0, 350))
    assert np.array_equal(after.features[:350], before.features[:350], equal_nan=True)
    assert same_bars(marked_after.bars.slice(0, 350), marked.bars.slice(0, 350))
    assert same_bars(marked_after.stored, marked.stored)
    assert (after.candles.adj_close[350:] != before.candles.adj_close[350:]).all()
    assert after.fingerprint != before.fingerprint


def test_actions_of_a_series_that_its_source_adjusts_change_no_number() -> None:
    series = empty("VVV", "1d")
    bars_write(series=series, bars=CLEAN, source="test")
    (before,) = featured_candles([series])
    dividend(series, day_of(CLEAN, 350), 1.0)
    split(series, day_of(CLEAN, 100), 4.0)
    (after,) = featured_candles([series])
    assert same_bars(after.candles, before.candles) and after.fingerprint == before.fingerprint
    assert same_bars(load_marked(series).bars, load_bars(series))


def test_its_own_adjusted_closes_are_not_looked_at() -> None:
    bars = split_at(CLEAN, SPLITS)
    series = store_as_traded(empty("AAA", "1d"), bars, SPLITS)
    (before,) = featured_candles([series])
    rewritten = Bars(**{**vars(bars), "adj_close": bars.close * 0.9})
    bars_write(series=series, bars=rewritten, source="made up")
    (after,) = featured_candles([series])
    assert same_bars(after.candles, before.candles) and after.fingerprint == before.fingerprint


def test_the_cache_asks_nothing_but_how_the_series_are() -> None:
    series = several()
    featured_candles(series)
    assert bar_queries(lambda: featured_candles(series)) == (1, 0)
    assert bar_queries(lambda: marked_bars(series)) == (2, 0)  # and their actions


def test_a_change_of_basis_is_noticed() -> None:
    series = traded()
    (before,) = featured_candles([series])
    basis_set(series=series, basis=Basis.VENDOR, user=None)
    (after,) = featured_candles([series])
    assert_right([series], [after])
    assert after.fingerprint != before.fingerprint and same_bars(after.candles, load_bars(series))


def test_the_chart_shows_prices_as_traded_or_adjusted_to_the_newest_bar(api: ApiOf, alice: User) -> None:
    series, bars = traded(), split_at(CLEAN, SPLITS)
    raw = api(alice).get(f"/api/instruments/AAA/bars?end={day_of(bars, 320)}").json()
    assert raw["basis"] == "as_traded" and raw["close"] == bars.close[:321].tolist()
    assert raw["volume"] == bars.volume[:321].tolist()
    shown = api(alice).get("/api/instruments/AAA/bars?price=adjusted").json()
    assert shown["close"][-1] == bars.close[-1] and shown["volume"][-1] == bars.volume[-1]
    anchored = load_marked(series).bars.adj_close
    assert np.array(shown["close"]) / shown["close"][0] == pytest.approx(anchored / anchored[0], rel=1e-12)
    assert raw["adj_close"] == pytest.approx(shown["close"][:321], rel=1e-12)
    lines = api(alice).get("/api/instruments/AAA/indicators?names=sma_20").json()["lines"]
    line = next(iter(lines.values()))
    assert line[-1] == pytest.approx(np.mean(shown["close"][-20:]), rel=1e-9)


def test_the_line_of_a_list_is_adjusted_too() -> None:
    series = traded()
    own = load_marked(series).bars
    newest = own.adj_close[own.time > own.time[-1] - 365 * 86_400][::-1][::4]
    assert sparklines([series])[series.pk].change == pytest.approx(newest[0] / newest[-1] - 1, rel=1e-9)


def test_one_query_reads_the_actions_of_many_with_the_closes_before() -> None:
    series = several()
    assert bar_queries(lambda: read_adjustments(series)) == (1, 1)
    assert bar_queries(lambda: read_adjustments(series[1:2])) == (0, 0)


def test_a_check_knows_of_splits(alice: User) -> None:
    bars = split_at(CLEAN, {150: 4.0})
    members = [empty(symbol, "1d") for symbol in ("TRADED", "VENDOR", "UNTOLD")]
    store_as_traded(members[0], bars, {150: 4.0})
    for member in members[1:]:
        bars_write(series=member, bars=bars, source="test")
    split(members[1], day_of(bars, 150), 4.0)
    group = list(Series.objects.select_related("instrument").order_by("pk"))
    flaws = {str(series): find_flaws(subject) for series, subject in Peers(group).subjects(0, 3)}
    named = {name: [(flaw.check, flaw.severity) for flaw in own] for name, own in flaws.items()}
    assert named == {"TRADED 1d": [], "VENDOR 1d": [("jump", "bad")], "UNTOLD 1d": [("split", "bad")]}
    assert "split that is on record" in flaws["VENDOR 1d"][0].text

"""The store of features: filled incrementally, the same as in one go, and aware of bars that changed under it."""

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from instruments.imports.services import bars_write
from instruments.models import Feature, FeatureState, Instrument, PriceBar, Series, Universe
from instruments.quant.bars import Bars
from instruments.quant.features.daily import daily_features, get_feature_columns
from instruments.store import features
from instruments.store.features import load_features
from instruments.store.read_bars import load_bars
from tests.instruments.bars import empty
from tests.market import make_series
from tests.training.quant.noise import noise_bars

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def _compute(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("compute_features", "--json", *arguments, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def _series(symbol: str, bars: Bars) -> Series:
    series = empty(symbol, "1d")
    bars_write(series=series, bars=bars, source="test")
    return series


def _assert_stored(series: Series) -> None:
    bars = load_bars(series)
    stored = load_features([series.pk])
    assert np.array_equal(stored.time, bars.time)
    assert np.array_equal(stored.matrix, daily_features([bars.adjusted()])[0], equal_nan=True)


def test_it_fills_every_bar_of_every_instrument() -> None:
    all_series = [_series("AAA", noise_bars(300)), _series("BBB", noise_bars(30, seed=2)), make_series("CCC", bars=70)]
    said = _compute()
    assert {name: said[name] for name in ("feature_set", "version", "instruments", "rows", "written")} == {
        "feature_set": "daily",
        "version": 1,
        "instruments": 3,
        "rows": 400,
        "written": 400,
    }
    for series in all_series:
        _assert_stored(series)
    row = Feature.objects.filter(series=all_series[0]).order_by("timestamp")[100]
    assert row.return_60 is not None and row.return_120 is None  # type: ignore[attr-defined]  # added by name


def test_it_writes_nothing_where_nothing_changed() -> None:
    make_series(bars=80)
    _compute()
    assert _compute()["written"] == 0


def test_it_asks_once_for_the_states_of_series_that_are_computed_together() -> None:
    for symbol in ("AAA", "BBB", "CCC"):
        make_series(symbol, bars=70)
    for _ in range(2):  # to be computed, and as they were
        with CaptureQueriesContext(connection) as queries:
            _compute()
        states = [
            query["sql"] for query in queries if query["sql"].startswith("SELECT") and "fingerprint" in query["sql"]
        ]
        assert sum(" IN (" in sql for sql in states) == 1


def test_it_writes_only_what_new_bars_bring() -> None:
    bars = noise_bars(320)
    series = _series("AAA", bars.slice(0, 300))
    _compute()
    bars_write(series=series, bars=bars.slice(300, 320), source="test")
    said = _compute()
    assert (said["rows"], said["written"]) == (320, 20)
    _assert_stored(series)


def test_it_notices_bars_that_changed_under_it_however_they_were_changed() -> None:
    series = _series("AAA", noise_bars(200))
    _compute()
    late = PriceBar.objects.filter(series=series).order_by("-timestamp")[0]
    PriceBar.objects.filter(pk=late.pk).update(close=F("low"), adj_close=F("low"))
    assert _compute()["written"] == 1
    PriceBar.objects.filter(pk=late.pk).delete()
    _compute()
    _assert_stored(series)


def test_it_goes_on_where_it_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_TOGETHER", 1)
    for symbol in ("AAA", "BBB", "CCC"):
        make_series(symbol, bars=70)

    def stop(done: int, todo: int, written: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.features_compute(series=list(Series.objects.order_by("pk")), on_series=stop)
    assert FeatureState.objects.count() == 2
    assert _compute()["written"] == 70


def test_it_computes_again_for_a_newer_version(monkeypatch: pytest.MonkeyPatch) -> None:
    make_series(bars=70)
    _compute()
    monkeypatch.setattr(features, "VERSION", 2)
    assert features.outdated_series({Series.objects.get().pk: FeatureState.objects.get().fingerprint})
    _compute()
    assert FeatureState.objects.get().version == 2


def test_it_takes_the_instruments_of_a_universe() -> None:
    made = [make_series(symbol, bars=70) for symbol in ("AAA", "BBB", "CCC")]
    Universe.objects.create(name="few").instruments.add(made[1].instrument)
    Instrument.objects.filter(symbol="CCC").update(active=False)
    assert _compute("--universe", "few")["instruments"] == 1
    assert _compute()["instruments"] == 2
    assert not Feature.objects.filter(series=made[2]).exists()


def test_it_says_what_is_missing() -> None:
    with pytest.raises(CommandError, match=r"no prices yet\. Upload some on the page Data"):
        _compute()
    make_series(bars=5)
    with pytest.raises(CommandError, match=r"no universe .few.\. Known: all"):
        _compute("--universe", "few")


def test_its_table_has_a_column_for_every_feature() -> None:
    with connection.cursor() as cursor:
        columns = {c.name for c in connection.introspection.get_table_description(cursor, Feature._meta.db_table)}
    assert columns == {"id", "series_id", "timestamp", *get_feature_columns()}

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.imports.services import bars_write
from instruments.quant.features.indicators import INDICATORS, indicator_lines
from instruments.store.read_bars import load_bars
from tests.instruments.bars import empty, walk
from tests.market import make_series
from tests.people import ApiOf

pytestmark = pytest.mark.db_both
ADDRESS = "/api/instruments/X/indicators"


def test_it_answers_the_lines_of_adjusted_bars(api: ApiOf, bob: User) -> None:
    bars_write(series=empty(), bars=walk(300), source="test")
    answer = api(bob).get(ADDRESS + "?timeframe=1h").json()
    expected = indicator_lines(walk(300).adjusted(), [indicator.name for indicator in INDICATORS])
    assert answer["epoch"] == walk(300).time.tolist() and answer["price"] == "adjusted"
    for name, values in expected.items():
        assert [value if value is not None else np.nan for value in answer["lines"].pop(name)] == pytest.approx(
            values.tolist(), rel=0, abs=0, nan_ok=True
        )
    assert answer["lines"] == {}


def test_it_computes_over_all_bars_whatever_range_is_asked_for(api: ApiOf, bob: User) -> None:
    series = make_series("X", bars=300)
    client = api(bob)
    whole = client.get(ADDRESS + "?names=macd,sma_200").json()
    day = "2018-11-01"
    part = client.get(f"{ADDRESS}?names=macd,sma_200&start={day}&end={day}").json()
    place = whole["epoch"].index(part["epoch"][0])
    assert set(part["lines"]) == {"macd", "macd_signal", "macd_histogram", "sma_200"}
    assert {name: [values[place]] for name, values in whole["lines"].items()} == part["lines"]
    assert len(whole["epoch"]) == len(load_bars(series))


def test_it_sends_nothing_again_until_bars_change(api: ApiOf, bob: User) -> None:
    series = make_series("X", bars=30)
    client = api(bob)
    etag = client.get(ADDRESS)["ETag"]
    assert client.get(ADDRESS, HTTP_IF_NONE_MATCH=etag).status_code == 304
    assert client.get(ADDRESS + "?names=rsi_14", HTTP_IF_NONE_MATCH=etag).status_code == 200
    series.save()
    assert client.get(ADDRESS, HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_it_refuses_what_it_does_not_know(api: ApiOf, bob: User) -> None:
    make_series("X", bars=5)
    assert "sma_20" in api(bob).get(ADDRESS + "?names=astrology").json()["names"][0]
    assert api(bob).get(ADDRESS + "?names=").status_code == 400
    assert "Known: X." in api(bob).get("/api/instruments/NOPE/indicators").json()["detail"]

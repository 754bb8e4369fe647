import hashlib
import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from instruments.imports.services import bars_write
from instruments.management.commands.load_demo import FILE
from instruments.models import Instrument, Universe
from instruments.store.read_bars import load_bars, series_get
from tests.instruments.bars import empty, walk

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def load() -> dict[str, Any]:
    out = io.StringIO()
    call_command("load_demo", json=True, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_it_loads_five_stocks_once() -> None:
    assert load()["inserted"] == 12_154
    assert load()["unchanged"] == 12_154
    assert list(Universe.objects.get(name="demo").instruments.values_list("symbol", flat=True)) == [
        *("AAPL", "FB", "GOOG", "IBM", "MSFT"),
    ]
    assert Instrument.objects.get(symbol="IBM").currency == "USD"


def test_it_adjusts_splits_away() -> None:
    load()
    bars = load_bars(series_get("AAPL", "1d"))
    moves = abs(bars.close[1:] / bars.close[:-1] - 1)
    adjusted = bars.adjusted()
    adjusted_moves = abs(adjusted.close[1:] / adjusted.close[:-1] - 1)
    split = moves.argmax() if moves.max() < 0.51 else int((moves > 0.49).nonzero()[0][-1])
    assert moves[split] > 0.4  # 2 for 1
    assert adjusted_moves[split] < 0.1


def test_it_leaves_prices_and_names_of_somebody_alone() -> None:
    series = empty("IBM", "1d")
    bars_write(series=series, bars=walk(3), source="mine")
    Instrument.objects.create(symbol="FB", name="My own name")
    found = load()
    assert "IBM" not in found["instruments"]
    assert found["warnings"] == ["IBM holds prices of your own: the demo leaves it alone."]
    assert len(load_bars(series)) == 3
    assert Instrument.objects.get(symbol="FB").name == "My own name"


def test_it_ships_the_file_whose_origin_is_told() -> None:
    origin = (FILE.parent / "ORIGIN.md").read_text()
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in origin

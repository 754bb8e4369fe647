"""What a universe run looks at: candles, which a bar that only carries a price forward is none of."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from instruments.imports.services import bars_write
from instruments.models import Feature, Instrument, Series, Universe
from instruments.quant.bars import Bars
from instruments.store.features import features_compute
from tests.training.quant.noise import FILLS, fill_forward, noise_bars
from training.quant.universe.spec import UniverseSpec
from training.recipes.universe.data import UniverseData, universe_data

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
CLEAN = {symbol: noise_bars(330, seed=seed) for seed, symbol in enumerate(("AAA", "BBB", "CCC"))}


def data_of(universe: str, histories: dict[str, Bars], *, as_of: str | None = None) -> UniverseData:
    """As a run over these bars reads it. A universe replaces the one before: symbols are in the data's hash."""
    Instrument.objects.all().delete()
    members = Universe.objects.create(name=universe).instruments
    for symbol, bars in histories.items():
        instrument = Instrument.objects.create(symbol=symbol)
        bars_write(series=Series.objects.create(instrument=instrument, timeframe="1d"), bars=bars, source="test")
        members.add(instrument)
    features_compute(series=list(Series.objects.all()), on_series=lambda *_: None)
    data = universe_data(UniverseSpec(universe=universe, horizon=5, as_of=as_of))
    assert Feature.objects.count() == sum(map(len, CLEAN.values()))
    Series.objects.all().delete()
    return data


def assert_same(one: Any, other: Any, name: str = "panel") -> None:
    """To the last bit, whatever lies within."""
    assert type(one) is type(other), name
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name
    elif is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{name}.{field.name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one:
            assert_same(one[key], other[key], f"{name}[{key}]")
    else:
        assert one == other, name


@pytest.mark.parametrize("how", FILLS)
def test_it_gives_of_a_filled_forward_file_what_its_clean_twin_gives(how: str) -> None:
    filled = {
        symbol: fill_forward(bars, seed=seed, share=0.2, how=how)[0]
        for seed, (symbol, bars) in enumerate(CLEAN.items())
    }
    assert all(len(filled[symbol]) > len(bars) for symbol, bars in CLEAN.items())
    day = str(np.datetime64(int(CLEAN["AAA"].time[310]), "s"))[:10]
    for as_of in (None, day):
        clean, twin = data_of("clean", CLEAN, as_of=as_of), data_of("filled", filled, as_of=as_of)
        assert_same(clean.panel, twin.panel)
        assert (clean.as_of, clean.bars, clean.data_hash) == (twin.as_of, twin.bars, twin.data_hash)
        Universe.objects.all().delete()

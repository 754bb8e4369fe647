"""Rows made some instruments and days at a time, in memory or in files: to the last bit what they are all at once."""

from pathlib import Path

import numpy as np
import pytest

from boursomatic.shared.mapped import file_array
from instruments.quant.bars import Bars
from instruments.quant.features.daily import DAY, RANKED, daily_features, day_ranks
from tests.training.quant.noise import noise_bars
from tests.training.quant.universe.ragged import panel_of, ragged
from tests.training.recipes.test_universe_data import assert_same
from training.quant.universe import exposure, panel, ranks
from training.quant.universe.forward import Candles
from training.quant.universe.honest import target
from training.quant.universe.honest.train import HonestRows, fit_honest, honest_rows
from training.quant.universe.panel import COLUMNS, MODEL_FEATURES, Panel, make_panel
from training.quant.universe.ranks import centred_ranks
from training.quant.universe.room import Singles, columns_in_memory

H, SHORT = 5, 1


@pytest.fixture(scope="module")
def members() -> dict[str, Bars]:
    return ragged() | {f"N{seed}": noise_bars(260, seed=seed) for seed in range(20, 35)}


@pytest.fixture(scope="module")
def whole(members: dict[str, Bars]) -> Panel:
    return panel_of(members, H, SHORT)


@pytest.fixture(scope="module")
def rows(whole: Panel) -> HonestRows:
    return honest_rows(whole, H)


def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "TOGETHER", 3)
    for module in (ranks, exposure, target):
        monkeypatch.setattr(module, "BLOCK", 60)


def test_small_blocks_give_the_same(
    members: dict[str, Bars], whole: Panel, rows: HonestRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks(monkeypatch)
    assert_same(panel_of(members, H, SHORT), whole)
    assert_same(honest_rows(whole, H), rows)


def test_ranks_are_those_of_whole_tables(whole: Panel, rows: HonestRows) -> None:
    for k, name in enumerate(RANKED, start=len(MODEL_FEATURES)):
        values = whole.features[:, COLUMNS.index(name)].astype(np.float64)
        assert_same(whole.features[:, k], day_ranks(whole.day.astype(np.int64), values).astype(np.float32), name)
    for k, name in enumerate(MODEL_FEATURES):
        table = np.full(whole.close.shape, np.nan)
        table[whole.day, whole.instrument] = whole.features[:, k]
        ranked = np.nan_to_num(centred_ranks(table)[whole.day, whole.instrument])
        assert_same(rows.ranks[:, k], ranked.astype(np.float32), name)


def test_outcomes_are_those_of_all_candles_at_once(members: dict[str, Bars], whole: Panel) -> None:
    bars = list(members.values())
    number = np.concatenate([each.time // DAY for each in bars])
    instrument = np.repeat(np.arange(len(bars)), [len(each) for each in bars])
    places = {day: place for place, day in enumerate(whole.days.tolist())}
    starts = np.searchsorted(whole.days, number)
    of_rows = {(places[day], j): i for i, (day, j) in enumerate(zip(number, instrument, strict=True)) if day in places}
    candles = Candles(np.concatenate([each.close for each in bars]), instrument, starts, days=len(whole.days))
    own = np.array([of_rows[key] for key in zip(whole.day.tolist(), whole.instrument.tolist(), strict=True)])
    for horizon, forward in whole.forward.items():
        assert_same(candles.forward(own, horizon), forward)


def test_columns_in_files_are_those_in_memory(members: dict[str, Bars], rows: HonestRows, tmp_path: Path) -> None:
    def on_disk(shape: tuple[int, int]) -> Singles:
        return file_array(tmp_path, shape, np.float32, order="F")

    bars = list(members.values())
    made = list(zip(members, bars, daily_features(bars), strict=True))
    rooms = (on_disk, columns_in_memory)
    kept, held = (make_panel(made, horizons=(H, SHORT), first_day=0, room=room) for room in rooms)
    assert_same(kept, held)
    again = honest_rows(kept, H, room=on_disk)
    assert_same(again, rows)
    fits = [fit_honest(each, until=200, with_trees=True, seed=42) for each in (again, rows)]
    assert all(np.array_equal(fits[0].weights[h], fits[1].weights[h]) for h in (H, SHORT))
    texts = [fit.trees.model_to_string() for fit in fits if fit.trees]
    assert len(texts) == 2 and texts[0] == texts[1]
    assert not list(tmp_path.iterdir())

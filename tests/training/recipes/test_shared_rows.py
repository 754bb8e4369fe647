"""Folds of a walk share the rows that the run before them made: the same to the last bit, never of other bars."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings

from boursomatic.shared.array_file import map_arrays, write_arrays
from boursomatic.shared.mapped import file_array, let_go
from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.recipes.test_universe_data import assert_same
from tests.training.universe import carried_universe, change_after, make_universe
from training.models import TrainingRun
from training.quant.candle.export import joblib_bytes
from training.quant.universe.honest.train import fit_honest
from training.quant.universe.spec import RECIPES, UniverseSpec
from training.recipes.universe import shared_rows
from training.recipes.universe.data import universe_data
from training.recipes.universe.shared_rows import discard, path_of, prepare, prepared_data

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def spec_of(recipe: str) -> UniverseSpec:
    return UniverseSpec(universe="few", horizon=5, recipe=recipe)


def path(spec: UniverseSpec) -> Path:
    found = path_of(spec)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _empty() -> None:
    make_universe()
    for recipe in RECIPES:
        discard(spec_of(recipe))


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_read_is_what_was_made(recipe: str) -> None:
    spec = spec_of(recipe)
    made, read = prepared_data(spec), prepared_data(spec)
    fresh = prepare(universe_data(spec), spec)
    assert path(spec).exists()
    for data in (made, read):
        assert_same(data.exposures, fresh.exposures)
        assert_same(data.honest, fresh.honest)
        assert_same(data.panel.forward, fresh.panel.forward)
        assert (data.as_of, data.bars, data.data_hash) == (fresh.as_of, fresh.bars, fresh.data_hash)
    for name in ("days", "open", "close", "traded", "day", "instrument", *(["features"] * (recipe == "phase22"))):
        assert_same(getattr(read.panel, name), getattr(fresh.panel, name), name)


def test_trees_of_rows_binned_once_are_those_of_rows_binned_by_themselves() -> None:
    made = prepared_data(spec_of("honest")).honest
    assert made is not None and made.binned is not None
    for until in (150, 300):
        shared, damaged, alone = (
            fit_honest(replace(made, binned=binned), until=until, with_trees=True, seed=1).trees
            for binned in (made.binned, made.binned[:-100], None)
        )
        assert shared is not None and damaged is not None and alone is not None
        assert joblib_bytes(shared) == joblib_bytes(damaged) == joblib_bytes(alone)


def test_other_bars_settings_and_members_have_other_rows() -> None:
    spec = spec_of("honest")
    before, old = path(spec), prepared_data(spec)
    assert path(spec_of("phase22")) != before and path(UniverseSpec(universe="few", recipe="honest")) != before
    series = Series.objects.all()[0]
    change_after(series, load_bars(series), 400)
    assert path(spec) != before
    assert prepared_data(spec).data_hash != old.data_hash


def test_bars_that_change_while_they_are_read_are_not_kept() -> None:
    spec = spec_of("honest")
    before = path(spec)
    data = prepare(universe_data(spec), spec)
    series = Series.objects.all()[0]
    change_after(series, load_bars(series), 400)
    shared_rows.keep(before, data, spec)
    assert not before.exists() and not path(spec).exists()


def test_a_changed_byte_counts_as_missing() -> None:
    spec = spec_of("honest")
    made = prepared_data(spec)
    content = path(spec).read_bytes()
    for place in (3, 20, 60, len(content) // 2, len(content) - 1):
        path(spec).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert map_arrays(path(spec)) is None
        assert_same(prepared_data(spec).honest, made.honest)
    for size in (0, 30, 100, len(content) - 1):
        path(spec).write_bytes(content[:size])
        assert map_arrays(path(spec)) is None


def test_a_disk_that_takes_nothing_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, root = spec_of("honest"), Path(settings.HOME) / "a_file"
    root.write_text("no folder")
    monkeypatch.setattr(settings, "COLUMNS_ROOT", root)
    assert prepared_data(spec).honest is not None
    monkeypatch.setattr(settings, "COLUMNS_BYTES", 0)
    assert path_of(spec) is None and prepared_data(spec).honest is not None


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_walk_ends_the_same_with_them_and_without(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def walked() -> dict[str, Any]:
        run = carried_universe(recipe=recipe)
        assert not settings.COLUMNS_BYTES or path(spec_of(recipe)).exists()
        ended = carry_all()
        results = {str(each.config["fold"]): each.result for each in ended}
        assert {each.status for each in ended} == {"completed"}
        return {"model": run.result["judged_model_hash"], "metrics": run.result["metrics"], **results}

    kept = walked()
    assert not path(spec_of(recipe)).exists()  # the walk is over
    monkeypatch.setattr(settings, "COLUMNS_BYTES", 0)
    assert kept == walked()
    assert TrainingRun.objects.filter(kind="fold").count() > 6


def test_arrays_come_back_in_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {
        "c": rng.normal(size=(5, 3)),
        "f": np.asfortranarray(rng.normal(size=(4, 7)).astype(np.float32)),
        "none": np.empty((9, 0), dtype=np.float32),
        "flags": rng.random(13) < 0.5,
        "cut": rng.normal(size=(6, 6))[::2, ::2],
    }
    write_arrays(tmp_path / "one", arrays, {"name": "é"})
    found = map_arrays(tmp_path / "one")
    assert found is not None and found[1] == {"name": "é"} and list(found[0]) == list(arrays)
    for name, array in arrays.items():
        read = found[0][name]
        assert (read.dtype, read.shape) == (array.dtype, array.shape) and np.array_equal(read, array), name
        assert not read.flags.writeable
    assert found[0]["f"].flags.f_contiguous and [path.name for path in tmp_path.iterdir()] == ["one"]


def test_what_is_let_go_of_is_out_of_memory_and_read_again(tmp_path: Path) -> None:
    def mapped_kib() -> int:
        [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile")]
        return int(line.split()[1])

    rng = np.random.default_rng(2)
    numbers, kept = rng.normal(size=(500_000, 4)), file_array(tmp_path, (500_000, 4), np.float64, order="F")
    kept[:] = numbers
    before = mapped_kib()
    let_go(kept[:, 2], numbers)
    assert mapped_kib() < before - 12_000
    assert np.array_equal(kept, numbers) and mapped_kib() > before - 4_000
    assert not list(tmp_path.iterdir()) and file_array(tmp_path, (0, 3), np.float64, order="C").shape == (0, 3)
    with pytest.raises(OSError):
        file_array(tmp_path, (2**40, 2**10), np.float64, order="C")

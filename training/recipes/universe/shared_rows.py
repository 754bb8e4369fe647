"""What a run and the folds of its walk share, kept in a file from the first of them until the walk is over.

In BOURSOMATIC_HOME/columns, by all that it is made of: members and their dates, their bars as they are now, settings,
code. Read from there it is mapped, so that folds side by side hold it once; where it isn't there, or not as it was
written, it is made again.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from django.conf import settings

from boursomatic.shared.array_file import map_arrays, write_arrays
from instruments.calendars.sessions import trading_year_of_members
from instruments.store.columns import series_marks
from instruments.store.packs import remove_oldest
from instruments.universes import universe_membership
from training.artifacts.provenance import code_version, library_versions
from training.quant.universe.prepared import PreparedPanel, from_arrays, prepare_panel, to_arrays
from training.quant.universe.spec import UniverseSpec
from training.recipes.universe.data import UniverseData, columns_on_disk, universe_data, universe_members
from training.recipes.universe.membership import membership_from, membership_json

_NAME = "rows-"
_ABANDONED_S = 86_400.0  # of a walk that was cancelled or failed
log = logging.getLogger("boursomatic.columns")


def prepared_data(spec: UniverseSpec, *, on_read: Callable[[int, int], None] = lambda done, todo: None) -> UniverseData:
    """As `universe_data`, with what fits share; without `features` where the recipe doesn't look at them any more.
    Raises SpecError and TooLittle."""
    path = path_of(spec)
    if path is not None and (data := _read(path)) is not None:
        return data
    data = prepare(universe_data(spec, on_read=on_read), spec)
    keep(path, data, spec)
    return data


def prepare(data: UniverseData, spec: UniverseSpec) -> UniverseData:
    """With exposures and, of the recipe `honest`, its rows."""
    prepared = prepare_panel(data.panel, recipe=spec.recipe, horizon=spec.horizon, room=columns_on_disk)
    return replace(data, exposures=prepared.exposures, honest=prepared.honest)


def keep(path: Path | None, data: UniverseData, spec: UniverseSpec) -> None:
    """For the folds to come, under the `path` that was right before `data` was read; not where bars have changed since.
    A disk that is full costs time, no run."""
    if path is None or path != path_of(spec) or data.exposures is None:
        return
    prepared = PreparedPanel(data.panel, data.exposures, data.honest).without_features()
    facts = {
        "symbols": data.panel.symbols,
        "as_of": data.as_of.isoformat(),
        "bars": data.bars,
        "data_hash": data.data_hash,
        "marks": data.marks,
        "membership": membership_json(data.membership),
        "survivors_only": data.survivors_only,
        "sessions_a_year": data.panel.sessions_a_year,
    }
    try:
        write_arrays(path, to_arrays(prepared), facts)
        _remove_abandoned(path.parent)
        remove_oldest(path.parent, settings.COLUMNS_BYTES)
    except OSError as problem:
        log.warning("%s could not be kept and is made again: %s", path.name, problem)


def discard(spec: UniverseSpec) -> None:
    """The walk is over. Who has it mapped keeps it."""
    if path := path_of(spec):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def path_of(spec: UniverseSpec) -> Path | None:
    """By the SHA-256 of all that the file is made of; None where nothing is to be kept."""
    if not settings.COLUMNS_BYTES:
        return None
    members = universe_members(spec.universe)
    marks = sorted(series_marks([member.pk for member in members]).items())
    settings_of_rows = (spec.as_of, spec.lookback_days, spec.recipe, spec.horizon)
    symbols = [(member.pk, member.instrument.symbol) for member in members]
    membership = sorted(universe_membership(spec.universe).items())
    year = trading_year_of_members(members)
    made_of = (symbols, marks, membership, year, settings_of_rows, code_version(), library_versions())
    digest = hashlib.sha256(repr(made_of).encode()).hexdigest()
    return Path(settings.COLUMNS_ROOT) / f"{_NAME}{digest[:32]}"


def _read(path: Path) -> UniverseData | None:
    if (found := map_arrays(path)) is None:
        return None
    arrays, facts = found
    prepared = from_arrays(arrays, tuple(facts["symbols"]))
    return UniverseData(
        panel=replace(prepared.panel, sessions_a_year=facts["sessions_a_year"]),
        as_of=date.fromisoformat(facts["as_of"]),
        bars=facts["bars"],
        data_hash=facts["data_hash"],
        marks=tuple(facts["marks"]),
        membership=membership_from(facts["membership"]),
        survivors_only=facts["survivors_only"],
        exposures=prepared.exposures,
        honest=prepared.honest,
    )


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"{_NAME}*"):
        with suppress(FileNotFoundError):  # somebody else removes, too
            if path.stat().st_mtime < time.time() - _ABANDONED_S:
                path.unlink()

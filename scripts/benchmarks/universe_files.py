"""Generated universes as a file, as a database, and as what a script would read."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from instruments.quant.bars import Bars
from scripts.benchmarks.universe_markets import universe

BARS = 1_250  # of each instrument in a database
TOGETHER = 250  # instruments generated at once: a made-up market each, so that memory stays small


def write_universe(path: Path, *, instruments: int, bars: int) -> None:
    """A CSV of `instruments` × `bars`: symbol, date, open, high, low, close, volume; without any signal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with csv.CSVWriter(unfinished, _SCHEMA) as file:
        for start in range(0, instruments, TOGETHER):
            for number, made in enumerate(_members(start, min(TOGETHER, instruments - start), bars), start):
                columns = {name: getattr(made, name).round(6) for name in ("open", "high", "low", "close", "volume")}
                dates = made.time.astype("datetime64[s]").astype("datetime64[D]")
                table = {"symbol": [f"S{number:05d}"] * len(made), "date": dates, **columns}
                file.write_table(pa.table(table, schema=_SCHEMA))
    unfinished.rename(path)


def fill_site(*, instruments: int) -> tuple[str, int]:
    """Into the database of the settings, migrated, until it has so many instruments of BARS bars: the name of the
    universe of just those, and the number of their bars. What a run reads lies in the columnar cache then."""
    from django.core.management import call_command  # noqa: PLC0415 - after django.setup

    from instruments.imports.services import series_write  # noqa: PLC0415
    from instruments.models import Instrument, Series, Universe  # noqa: PLC0415
    from instruments.store.columns import featured_candles  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    for start in range(Series.objects.count(), instruments, TOGETHER):
        parts = []
        for number, made in enumerate(_members(start, min(TOGETHER, instruments - start), BARS), start):
            instrument = Instrument.objects.create(symbol=f"S{number:05d}")
            parts.append((Series.objects.create(instrument=instrument, timeframe="1d"), made))
        series_write(parts=parts, source="generated")
    universe, is_new = Universe.objects.get_or_create(name=f"first_{instruments}")
    if is_new:
        universe.instruments.set(Instrument.objects.all())
    series = universe_series(universe.name)
    for at in range(0, len(series), TOGETHER):
        featured_candles(series[at : at + TOGETHER])
    return universe.name, sum(one.rows for one in series)


def _members(seed: int, instruments: int, bars: int) -> Iterable[Bars]:
    return universe(instruments, bars, seed=seed, market=0.008).members.values()


_SCHEMA = pa.schema(
    [("symbol", pa.string()), ("date", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")]
)

"""A small universe of made-up prices, and carrying a run over it."""

import os
from typing import Any

import numpy as np

from instruments.imports.services import bars_write
from instruments.models import Instrument, Series, Universe
from instruments.quant.bars import Bars
from tests.prepared import prepare
from tests.training.quant.noise import noise_bars
from training.models import TrainingRun
from training.quant.universe.spec import parse_universe_spec
from training.queue import leases
from training.runs.services import run_create
from training.worker.execute import execute

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def make_universe(name: str = "few", *, bars: int = 420, symbols: tuple[str, ...] = SYMBOLS) -> list[Series]:
    """Random walks on the same days."""
    prepare(f"universe {name} {bars} {symbols}", lambda: _make_universe(name, bars, symbols))
    return list(Series.objects.filter(instrument__symbol__in=symbols).select_related("instrument").order_by("pk"))


def _make_universe(name: str, bars: int, symbols: tuple[str, ...]) -> None:
    universe = Universe.objects.create(name=name)
    for symbol in symbols:
        instrument = Instrument.objects.create(symbol=symbol)
        series = Series.objects.create(instrument=instrument, timeframe="1d")
        bars_write(series=series, bars=noise_bars(bars, seed=sum(map(ord, symbol))), source="made up")
        universe.instruments.add(instrument)


def change_after(series: Series, bars: Bars, last: int) -> None:
    """Rewrite every bar after number `last`."""
    later = bars.slice(last + 1, len(bars))
    factor = 1.0 + np.linspace(0.01, 0.5, len(later))
    changed = Bars(
        later.time, *(getattr(later, c) * factor for c in ("open", "high", "low", "close", "volume", "adj_close"))
    )
    bars_write(series=series, bars=changed, source="made up")


def trained_universe(**options: Any) -> TrainingRun:
    """Universe `few` and a run over it, for what begins when that has ended."""

    def make() -> None:
        make_universe()
        carried_universe(**options)

    prepare(f"trained universe {options}", make)
    runs = TrainingRun.objects.filter(kind="universe").select_related("created_by", "model_version")
    return runs.latest("pk")


def carried_universe(*, user: Any = None, **options: Any) -> TrainingRun:
    """Asked for, claimed and carried to its end."""
    run = run_create(
        user=user, spec=parse_universe_spec({"universe": "few", "horizon": 5, "recipe": "phase22", **options})
    )
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    execute(run_pk=run.pk, token=token)
    return TrainingRun.objects.select_related("created_by", "model_version").get(pk=run.pk)

"""What a waiting child does beforehand: a small candle run on made-up bars, and reads as of the newest run.

Nothing of it is kept. It only sees to it that the pages and caches of what a run needs are this process's own.
"""

import logging
from datetime import UTC, datetime

import numpy as np
from django.db import connections

from instruments.calendars.sessions import trading_year_of
from instruments.models import Series
from instruments.quant.bars import Bars
from instruments.store.read_bars import load_candles
from training.models import TrainingRun
from training.quant.candle.plan import NO_STALE
from training.quant.candle.spec import CandleSpec
from training.recipes.candle.data import CandleData
from training.recipes.candle.recipe import RECIPE
from training.worker.execute import whole_rows

_BARS = 500
_DECISION = 400
_DAY = 86_400
log = logging.getLogger("boursomatic.worker")


def rehearse() -> None:
    """Never fails: a run can do without. Leaves no connection open."""
    try:
        _train()
        _read()
    except Exception:
        log.exception("The rehearsal of a run failed; runs do without it.")
    finally:
        connections.close_all()


def _train() -> None:
    from training.recipes.candle.execute import train_and_judge  # noqa: PLC0415 - loads LightGBM, as the command has

    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(_BARS)))
    bars = Bars(_DAY * np.arange(_BARS), close, close * 1.01, close * 0.99, close, rng.lognormal(14, 0.5, _BARS), close)
    candle = datetime.fromtimestamp(int(bars.time[_DECISION]), tz=UTC)
    spec = CandleSpec(candle=f"{candle:%Y-%m-%dT%H:%M:%SZ}", symbol="REHEARSAL", train_years=1.0)
    train_and_judge(
        TrainingRun(run_id="rehearsal", kind=RECIPE.kind),
        spec,
        CandleData(Series(), bars, _DECISION, stale_time=NO_STALE, hashed=bars),
        year=None,
        on_stage=lambda *_: None,
        on_round=lambda *_: None,
    )


def _read() -> None:
    run = whole_rows().defer("result", "detail").order_by("-pk").first()
    if run is not None and run.series is not None and run.candle_at is not None:
        load_candles(run.series, start=run.candle_at, end=run.candle_at, before=_BARS, after=1)
        trading_year_of(run.series.instrument.calendar)

"""What a waiting child does beforehand: a small candle run on made-up bars, and a question to the database.

Nothing of it is kept. It only sees to it that the pages and caches of what a run needs are this process's own.
"""

import logging
from datetime import UTC, datetime

import numpy as np
from django.db import connections

from instruments.quant.bars import Bars
from training.models import TrainingRun
from training.quant.candle.spec import CandleSpec

_BARS = 500
_DECISION = 400
_DAY = 86_400
log = logging.getLogger("boursomatic.worker")


def rehearse() -> None:
    """Never fails: a run can do without. Leaves no connection open."""
    try:
        _fit()
        TrainingRun.objects.select_related("series__instrument", "created_by").filter(pk=0).first()
    except Exception:
        log.exception("The rehearsal of a run failed; runs do without it.")
    finally:
        connections.close_all()


def _fit() -> None:
    from training.quant.candle.train import train_candle  # noqa: PLC0415 - loads LightGBM, which the command has done

    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(_BARS)))
    bars = Bars(_DAY * np.arange(_BARS), close, close * 1.01, close * 0.99, close, rng.lognormal(14, 0.5, _BARS), close)
    candle = datetime.fromtimestamp(int(bars.time[_DECISION]), tz=UTC)
    spec = CandleSpec(candle=f"{candle:%Y-%m-%dT%H:%M:%SZ}", symbol="REHEARSAL", train_years=1.0)
    train_candle(bars, decision=_DECISION, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)

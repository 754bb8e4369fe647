"""Writes: predictions kept when they are served, and scored when their outcome has come."""

import hashlib
from datetime import UTC, datetime

import numpy as np
from django.db.models.functions import Now

from instruments.models import Series
from instruments.store.read_bars import load_bars
from predictions.candle.ask import Asked
from predictions.models import Prediction
from training.quant.labels import up_label


def predictions_keep(*, asked: Asked) -> int:
    """Keeps what is being served of candles whose outcome isn't known; what was said before stays. Says how many."""
    rows = np.flatnonzero(asked.known & np.isnan(asked.up))
    if not len(rows):
        return 0
    predictions_score(series=asked.series)
    kept = Prediction.objects.bulk_create(
        [
            Prediction(
                run_id=asked.run.run_id,
                model_hash=asked.run.result["model_hash"],
                series=asked.series,
                candle_at=datetime.fromtimestamp(int(asked.bars.time[row]), tz=UTC),
                probability=float(asked.said.probability[row]),
                features_hash=hashlib.sha256(asked.said.features[row].astype("<f8").tobytes()).hexdigest(),
                made_at=Now(),
            )
            for row in rows
        ],
        ignore_conflicts=True,
    )
    return len(kept)


def predictions_score(*, series: Series) -> int:
    """Writes the outcome of each pending prediction of a series whose next candle has come, once. Says how many."""
    pending = list(Prediction.objects.filter(series=series).pending().only("pk", "candle_at"))
    due = [one for one in pending if series.last is None or one.candle_at < series.last]
    if not due:
        return 0
    bars = load_bars(series, start=min(one.candle_at for one in due)).adjusted()
    up, place = up_label(bars.close), {int(time): row for row, time in enumerate(bars.time)}
    scored = 0
    for one in due:
        row = place.get(int(one.candle_at.timestamp()))
        if row is None or np.isnan(up[row]):  # the candle is gone, or still the last
            continue
        target = datetime.fromtimestamp(int(bars.time[row + 1]), tz=UTC)
        waiting = Prediction.objects.filter(pk=one.pk).pending()
        scored += waiting.update(outcome=int(up[row]), target_at=target, scored_at=Now())
    return scored

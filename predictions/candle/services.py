"""Writes: predictions kept when they are served, and scored when their outcome has come."""

import hashlib
from datetime import UTC, datetime

import numpy as np
from django.db.models.functions import Now

from instruments.models import Series
from instruments.store.read_bars import load_marked
from predictions.candle.ask import CandlePredictions
from predictions.models import Prediction
from training.models import TrainingRun
from training.quant.ensemble.spec import decision_spec
from training.quant.labels import up_label


def predictions_keep(*, predicted: CandlePredictions) -> int:
    """Keeps what is being served of candles whose outcome isn't known; what was said before stays. Says how many."""
    row = predicted.open_row
    if row is None:
        return 0
    predictions_score(series=predicted.series)
    stored = Prediction.objects.bulk_create(
        [
            Prediction(
                run_id=predicted.run.run_id,
                model_hash=predicted.run.result["model_hash"],
                series=predicted.series,
                candle_at=datetime.fromtimestamp(int(predicted.bars.time[row]), tz=UTC),
                probability=float(predicted.output.probability[row]),
                features_hash=hashlib.sha256(predicted.output.features[row].astype("<f8").tobytes()).hexdigest(),
                made_at=Now(),
            )
        ],
        ignore_conflicts=True,
    )
    return len(stored)


def predictions_score(*, series: Series) -> int:
    """Writes the outcome of each pending prediction of a series whose next candle has come, once. Says how many.

    A candle that closed unmoved is no outcome: the prediction is scored with None, unless its run is of the first rule.
    """
    pending = list(Prediction.objects.filter(series=series).pending().only("pk", "candle_at", "run_id"))
    due = [prediction for prediction in pending if series.last is None or prediction.candle_at < series.last]
    runs = TrainingRun.objects.filter(run_id__in={prediction.run_id for prediction in due})
    configs = dict(runs.values_list("run_id", "config"))
    first_rule = {run_id for run_id, config in configs.items() if decision_spec(config).by_first_rule}
    return sum(
        _score(series, group, by_first_rule=by_first_rule)
        for by_first_rule in (True, False)
        if (group := [prediction for prediction in due if (prediction.run_id in first_rule) == by_first_rule])
    )


def _score(series: Series, due: list[Prediction], *, by_first_rule: bool) -> int:
    marked = load_marked(series, start=min(prediction.candle_at for prediction in due))
    bars = (marked.bars if by_first_rule else marked.candles).adjusted()
    up = up_label(bars.close, keep_unmoved=by_first_rule)
    place = {int(time): row for row, time in enumerate(bars.time)}
    scored = 0
    for prediction in due:
        row = place.get(int(prediction.candle_at.timestamp()))
        if row is None or row + 1 == len(bars):  # the candle is gone, or still the last
            continue
        target = datetime.fromtimestamp(int(bars.time[row + 1]), tz=UTC)
        outcome = None if np.isnan(up[row]) else int(up[row])
        waiting = Prediction.objects.filter(pk=prediction.pk).pending()
        scored += waiting.update(outcome=outcome, target_at=target, scored_at=Now())
    return scored

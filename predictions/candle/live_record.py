"""A model's live record: what it said before the outcome was known, and what came."""

from dataclasses import dataclass

import numpy as np

from predictions.candle.services import predictions_score
from predictions.models import Prediction
from training.models import TrainingRun
from training.quant.stats.classification import evaluate
from training.web.presenters.metrics_table import Line, part_lines

SHOWN = 20  # newest predictions


@dataclass(frozen=True)
class Record:
    """`newest`: predictions of all instruments, newest first; `lines`: figures of those scored on its own series."""

    stored: int
    scored: int
    newest: list[Prediction]
    lines: list[Line]


def live_record(run: TrainingRun) -> Record | None:
    """None where nothing was stored yet. Outcomes that have come by now are written first."""
    stored = Prediction.objects.filter(run_id=run.run_id).select_related("series__instrument")
    waiting = {prediction.series for prediction in stored.pending()}
    for series in waiting:
        predictions_score(series=series)
    newest = list(stored.order_by("-candle_at", "-id")[:SHOWN])
    if not newest:
        return None
    own = list(stored.scored().filter(series=run.series).values_list("outcome", "probability"))
    return Record(stored.count(), stored.scored().count(), newest, _lines(own, run))


def _lines(own: list[tuple[int | None, float]], run: TrainingRun) -> list[Line]:
    """The live figures beside those of the test window, at the model's own threshold."""
    if not own:
        return []
    outcomes, probabilities = (np.array(column, dtype=np.float64) for column in zip(*own, strict=True))
    live = evaluate(outcomes, probabilities, run.result["train_metrics"]["best_threshold"])
    return part_lines([run.result["test_metrics"], live.as_dict()])

"""What has come of a live run since: the model that was trained without a test window, judged on the candles that have
happened after its decision."""

from typing import Any

import numpy as np

from training.artifacts.loading import stored_model
from training.errors import RunRefused
from training.models import Status, TrainingRun
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import CandleSpec, SpecError
from training.quant.ensemble.spec import decision_spec
from training.quant.stats.classification import evaluate
from training.recipes.candle.data import candle_data


def live_score(run: TrainingRun) -> dict[str, Any] | None:
    """Figures over the candles after the decision, at most a test window of them, at the model's own threshold.

    None for a run that isn't live, or has no model; `metrics` is None while there is nothing to judge.
    """
    if run.status != Status.COMPLETED or not run.config.get("live") or run.series is None:
        return None
    if run.result["splits"]["test"]["rows"]:
        return None  # it was asked for live, and had its whole test window all the same
    spec = decision_spec(run.config)
    try:
        data = candle_data(run.series, spec)
        model = stored_model(run.run_id)
    except SpecError as error:
        return _score(spec, 0, " ".join(sentence for found in error.errors.values() for sentence in found))
    except RunRefused as error:
        return _score(spec, 0, str(error))
    bars = data.bars
    labels = candle_label(bars, spec)
    probability = model.probability(model.features(bars))
    rows = np.flatnonzero(~np.isnan(labels) & ~np.isnan(probability))
    rows = rows[rows >= data.decision][spec.gap : spec.gap + spec.test_window_size]
    count = len(rows)
    if not count:
        return _score(spec, 0, f"None of its {spec.test_window_size} candles has happened yet.")
    metrics = evaluate(labels[rows], probability[rows], model.threshold)
    right = metrics.confusion[0] + metrics.confusion[3]
    sentence = f"{count} of {spec.test_window_size} candles so far: {right} of them predicted correctly."
    return _score(spec, count, sentence) | {"metrics": metrics.as_dict()}


def _score(spec: CandleSpec, count: int, sentence: str) -> dict[str, Any]:
    return {"candles": count, "of": spec.test_window_size, "sentence": sentence, "metrics": None}

"""What a person should know of a model before using it, on one page."""

from typing import Any

from instruments.models import PriceBar
from instruments.quant.features.candle import feature_set
from training.evidence.findings import findings_of
from training.models import ModelVersion
from training.quant.candle.spec import COST_BP, DECISION_NAMES, MODEL_NAMES, CandleSpec
from training.quant.ensemble.spec import decision_spec
from training.runs.annotations import annotations_of
from training.runs.as_json import run_json
from training.web.presenters.charts import split_segments
from training.web.presenters.glossary import GLOSSARY
from training.web.presenters.metrics_table import metric_lines
from training.web.presenters.verdict import proof_context

PREDICTED = {"close": "closes higher", "next_open": "closes above its open"}  # the next candle, by the decision
LIMITS = (
    "It predicts the next candle only: whether it {predicted}, not by how much.",
    "It was trained on one instrument at one timeframe. It can predict others, but nothing measured here holds there.",
    f"Its metrics are of the past; beyond {COST_BP:g} basis points a side no costs, taxes or limits are counted.",
    "A probability is only as good as its calibration: see how often such probabilities came true on the chart.",
)

SNIPPET = """\
import json
import joblib

folder = "{run_id}"  # the unpacked zip
model = joblib.load(f"{{folder}}/model_poc_{run_id}.joblib")
scaler = joblib.load(f"{{folder}}/scaler_poc_{run_id}.joblib")
manifest = json.load(open(f"{{folder}}/manifest.json"))

print(manifest["feature_names"])  # in this order
row = manifest["scaler"]["mean"]  # put the features of your candle here
print(model.predict_proba(scaler.transform([row]))[0, 1])  # probability that the next candle {predicted}
"""


def card_context(version: ModelVersion) -> dict[str, Any]:
    """For the card of a candle run's model; needs its run and series loaded."""
    run, spec = version.run, CandleSpec.from_dict(version.run.config)
    return series_card_context(version) | {
        "model_name": MODEL_NAMES[spec.model],
        "feature_set": feature_set(spec.feature_set),
        "snippet": SNIPPET.format(run_id=run.run_id, predicted=PREDICTED[spec.decision]),
    }


def series_card_context(version: ModelVersion) -> dict[str, Any]:
    """For the card of whatever model speaks of one series."""
    run, series = version.run, version.series
    spec = decision_spec(run.config)
    predicted = PREDICTED[spec.decision]
    summary = run_json(run)
    sources = PriceBar.objects.filter(series=series).order_by("source").values_list("source", flat=True).distinct()
    return {
        "version": version,
        "run": run,
        "series": series,
        "summary": summary,
        "detail": run.detail,
        "findings": findings_of(run),
        "sources": list(sources),
        "predicted": predicted,
        "decided": DECISION_NAMES[spec.decision],
        "segments": split_segments(summary["splits"], summary["config"]["gap"]),
        "lines": metric_lines(summary),
        "parts": ("Train", "Validation", "Test"),
        "limits": [limit.format(predicted=predicted) for limit in LIMITS],
        "glossary": GLOSSARY,
        "annotations": annotations_of(run),
        **proof_context(run),
    }

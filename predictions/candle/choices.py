"""Which models a chart may load: the active ones, the newest, and those of other instruments."""

from typing import Any

from training.evidence.candle import CandleVerdict, candle_verdicts
from training.models import ModelVersion, Status, TrainingRun

MOST = 30  # of each group
WORDS = {"evidence": "evidence", "weak": "weak sign", "no_evidence": "no evidence"}


def model_choices(symbol: str, timeframe: str) -> dict[str, list[dict[str, Any]]]:
    """Models of completed candle runs at this timeframe, newest first; `recent` and `active` are of the instrument."""
    models = ModelVersion.objects.filter(
        series__timeframe=timeframe, run__status=Status.COMPLETED, run__deleted_at=None
    )
    models = models.select_related("series__instrument", "run__created_by").defer("run__detail", "run__error_trace")
    own = models.filter(series__instrument__symbol=symbol)
    groups = {
        "active": list(own.filter(is_active=True)[:MOST]),
        "recent": list(own.filter(is_active=False)[:MOST]),
        "others": list(models.exclude(series__instrument__symbol=symbol)[:MOST]),
    }
    verdicts = candle_verdicts([model.run for group in groups.values() for model in group])
    return {name: [_choice(model.run, verdicts[model.run_id]) for model in group] for name, group in groups.items()}


def _choice(run: TrainingRun, candle_verdict: CandleVerdict) -> dict[str, Any]:
    text = WORDS[candle_verdict.verdict.label] if candle_verdict.verdict else ""
    by = run.created_by.get_username() if run.created_by else ""
    at = run.candle_at.strftime("%Y-%m-%d") if run.candle_at else ""
    members = run.config.get("members")
    what = f"ensemble of {len(members)}" if members else ""
    return {
        "run_id": run.run_id,
        "label": " · ".join(filter(None, (f"{run.config['symbol']} {at}", what, text, by))),
    }

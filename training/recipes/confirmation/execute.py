"""The walk-forward confirmation of a candle run carried out."""

from datetime import UTC, datetime, timedelta

from training.evidence.trials import Claim
from training.quant.candle.confirm import Confirmation, confirm_candle
from training.quant.candle.spec import STEPS, CandleSpec, format_time
from training.quant.candle.verdict import LEVEL, can_be_evidence
from training.recipes.base import Completed, Work
from training.recipes.candle.data import candle_data


def execute(work: Work) -> Completed:
    """PROTOCOL §3: windows with their AUC, the pooled evidence, and logistic regression on the same rows."""
    spec, series = work.spec, work.run.series
    assert isinstance(spec, CandleSpec) and series is not None
    data = candle_data(series, spec, steps=STEPS)
    confirmation = confirm_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        on_window=lambda done, todo: work.progress.stage("windows", done / todo, f"window {done + 1} of {todo}"),
    )
    result = {
        "evidence": confirmation.pooled.as_dict() if confirmation.pooled else None,
        "logistic": confirmation.logistic.as_dict() if confirmation.logistic else None,
        "logistic_is_better": _logistic_is_better(confirmation),
        "windows": [
            {
                "decision": _iso(window.decision),
                "train_rows": window.train_rows,
                "rows": len(window.labels),
                "up": int(window.labels.sum()),
                "auc": window.auc,
                "auc_interval": list(window.interval) if window.interval else None,
            }
            for window in confirmation.windows
        ],
    }
    before = sum(window.decision < int(spec.candle_at.timestamp()) for window in confirmation.windows)
    pooled = confirmation.pooled
    claim = Claim(pooled.p_value, can_be_evidence=can_be_evidence(pooled, windows=before)) if pooled else None
    return Completed(result=result, claim=claim)


def _logistic_is_better(confirmation: Confirmation) -> bool:
    """Both on the same rows: the simpler model ranks better, and luck alone would seldom do as well."""
    if confirmation.pooled is None or confirmation.logistic is None:
        return False
    return confirmation.logistic.auc > confirmation.pooled.auc and confirmation.logistic.p_value < LEVEL


def _iso(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=seconds))

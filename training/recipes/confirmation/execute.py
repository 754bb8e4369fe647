"""The walk-forward confirmation of a candle run carried out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from instruments.models import Series
from instruments.store.read_bars import load_candles
from training.evidence.trials import Claim
from training.quant.candle.confirm import Confirmation, confirm_candle
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import STEPS, CandleSpec, SpecError, format_time
from training.quant.candle.verdict import LEVEL, can_be_evidence
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.base import Completed, Work
from training.recipes.candle.data import candle_data, widest_spec


def execute(work: Work) -> Completed:
    """PROTOCOL §3: windows with their AUC, the pooled evidence, and logistic regression on the same rows."""
    spec, series, subject = work.spec, work.run.series, work.run.subject
    assert series is not None and subject is not None
    last = last_window_spec(series, spec, subject.seen_until)
    data = candle_data(series, last, steps=STEPS)
    confirmation = confirm_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        seen_until=int(subject.seen_until.timestamp()) if subject.seen_until else 0,
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
                "seen": window.seen,
            }
            for window in confirmation.windows
        ],
    }
    own = int(last.candle_at.timestamp())
    before = sum(window.decision < own and not window.seen for window in confirmation.windows)
    pooled = confirmation.pooled
    claim = Claim(pooled.p_value, can_be_evidence=can_be_evidence(pooled, windows=before)) if pooled else None
    return Completed(result=result, claim=claim)


def last_window_spec(series: Series, spec: CandleSpec | EnsembleSpec, seen_until: datetime | None) -> CandleSpec:
    """With the candle at which the walk ends: the run's own; where a search has seen its window, that of the last whole
    window since, of as many as a walk has, which tile from the first candle that it hasn't seen.

    Raises SpecError while there are too few outcomes since.
    """
    widest = widest_spec(spec)
    if seen_until is None or spec.candle_at >= seen_until:
        return widest
    bars = load_candles(series, start=seen_until).candles.adjusted()
    rows, window = np.flatnonzero(~np.isnan(candle_label(bars, widest))), widest.test_window_size
    if len(rows) < widest.rows_after:
        since = _since(len(rows), widest.rows_after)
        raise SpecError({"candle_date": [f"Nothing unseen to judge it by before {format_time(seen_until)}: {since}"]})
    later = min(STEPS, (len(rows) - widest.rows_after) // window)
    at = int(rows[later * window]) if later else 0
    return replace(widest, candle=_iso(int(bars.time[at])), live=False)


def _since(outcomes: int, needed: int) -> str:
    return f"since then there are {outcomes} outcomes, and {needed} are needed. Confirm it when they are there."


def _logistic_is_better(confirmation: Confirmation) -> bool:
    """Both on the same rows: the simpler model ranks better, and luck alone would seldom do as well."""
    if confirmation.pooled is None or confirmation.logistic is None:
        return False
    return confirmation.logistic.auc > confirmation.pooled.auc and confirmation.logistic.p_value < LEVEL


def _iso(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=seconds))

"""Candle runs by the product's own pipeline on made-up markets: noise, stale bars, sessions of clicks, planted signals.

Work functions take a seed; row functions make the table's lines of what all seeds gave.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import lightgbm
import numpy as np
from sklearn.preprocessing import StandardScaler

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from instruments.quant.stale import stale_mask
from scripts.benchmarks.honest_shares import Row, at_least, at_most
from scripts.benchmarks.markets import filled_forward, market, untraded
from training.quant.candle.confirm import confirm_candle
from training.quant.candle.plan import NotTrainable, plan_candle
from training.quant.candle.spec import STEADY, CandleSpec, format_time
from training.quant.candle.train import train_candle
from training.quant.candle.verdict import Evidence, Label, can_be_evidence, label_of
from training.quant.labels import up_label
from training.quant.stats.classification import auc_with_interval
from training.quant.stats.multiple_testing import trial_level

BARS, DECISION, WINDOW, CLICKS = 1_500, 1_400, 35, 20
FIRST_CLICK = 700
STEADY_SPEC: dict[str, Any] = {"protocol": "steady", **STEADY}


def noise_run(seed: int) -> tuple[float, float, tuple[float, float], tuple[float, float]]:
    """(pooled p, test AUC, its interval, the pooled interval) of one candle run on noise."""
    bars = market(BARS, seed=seed)
    pooled, own = confirmed(bars, DECISION)
    assert own.auc_interval is not None and pooled.auc_interval is not None
    return pooled.p_value, own.auc, own.auc_interval, pooled.auc_interval


def session_on_noise(seed: int) -> bool:
    """Whether any of 20 clicks on one noise instrument, the k-th judged by the k-th trial's level, is evidence."""
    bars = market(BARS, seed=seed)
    clicks = np.random.default_rng(seed).choice(np.arange(FIRST_CLICK, DECISION), CLICKS, replace=False)
    labels = (label_of_trial(confirmed(bars, int(at))[0], k) for k, at in enumerate(clicks, start=1))
    return Label.EVIDENCE in labels


def label_of_trial(pooled: Evidence, k: int) -> Label:
    """As the product labels the k-th trial of a ledger once it is confirmed."""
    suffices = can_be_evidence(pooled, windows=pooled.windows - 1)
    return label_of(pooled.p_value, level=trial_level(k) if suffices else None)


def filled_run(seed: int) -> float | None:
    return p_or_refused(filled_forward(market(BARS, seed=seed), share=0.1, seed=seed))


def untraded_run(seed: int) -> float | None:
    return p_or_refused(untraded(market(BARS, seed=seed), share=0.2, seed=seed))


def p_or_refused(bars: Bars) -> float | None:
    """The pooled p; None where the product refuses to train on such bars."""
    try:
        return confirmed(bars, DECISION)[0].p_value
    except NotTrainable:
        return None


def planted_65(seed: int) -> float:
    return confirmed(market(BARS, seed=seed, bayes_auc=0.65), DECISION)[0].p_value


def planted_60(seed: int) -> float:
    return confirmed(market(BARS, seed=seed, bayes_auc=0.60), DECISION)[0].p_value


def steady_60(seed: int) -> float:
    return confirmed(market(BARS, seed=seed, bayes_auc=0.60), DECISION, **STEADY_SPEC)[0].p_value


def steady_noise(seed: int) -> float:
    return confirmed(market(BARS, seed=seed), DECISION, **STEADY_SPEC)[0].p_value


def confirmed(bars: Bars, decision: int, **more: Any) -> tuple[Evidence, Evidence]:
    """(pooled, own window) of the product's run with `more` settings, at the first candle from bar `decision` on, and
    its confirmation."""
    is_stale = stale_mask(bars)
    candles = bars.where(~is_stale)
    at = int(np.searchsorted(candles.time, bars.time[decision]))
    candles_so_far, spec = candles.slice(0, at + WINDOW + 1), spec_at(candles, at, **more)
    own = train_candle(
        candles_so_far,
        decision=at,
        spec=spec,
        on_stage=lambda *_: None,
        on_round=lambda *_: None,
        stale_time=bars.time[is_stale],
    ).evidence
    pooled = confirm_candle(candles_so_far, decision=at, spec=spec, on_window=lambda *_: None).pooled
    assert own is not None and pooled is not None
    return pooled, own


def usual_run(seed: int) -> float:
    """Test AUC of the usual recipe: early stopping by AUC on the very window that it reports."""
    bars = market(BARS, seed=seed)
    split = plan_candle(bars, decision=DECISION, spec=spec_at(bars, DECISION)).split
    features, labels = feature_matrix(bars, name="poc16", timeframe="1d"), up_label(bars.close)
    train, test = slice(split.train.start, split.train.stop), slice(split.test.start, split.test.stop)
    scaler = StandardScaler().fit(features[train])
    model = lightgbm.LGBMClassifier(
        n_estimators=4000, learning_rate=0.05, max_depth=6, metric="auc", n_jobs=1, verbosity=-1, random_state=42
    )
    model.fit(
        scaler.transform(features[train]),
        labels[train],
        eval_X=(scaler.transform(features[test]),),
        eval_y=(labels[test],),
        callbacks=[lightgbm.early_stopping(150, verbose=False)],
    )
    p = np.asarray(model.predict_proba(scaler.transform(features[test])))[:, 1]
    return auc_with_interval(labels[test], p)[0]


def spec_at(bars: Bars, decision: int, **more: Any) -> CandleSpec:
    candle = format_time(datetime.fromtimestamp(int(bars.time[decision]), tz=UTC))
    return CandleSpec(candle=candle, symbol="NOISE", test_window_size=WINDOW, **more)


def noise_rows(found: Sequence[Any]) -> list[Row]:
    p, auc, own, pooled = zip(*found, strict=True)
    n = len(found)
    mean, error = float(np.mean(auc)), float(np.std(auc, ddof=1) / np.sqrt(n))
    return [
        at_most("noise, single runs, pooled p < 0.05", sum(value < 0.05 for value in p), n, 0.05),
        Row(
            "noise, mean test AUC",
            "0.50",
            f"{mean:.4f} ± {error:.4f} of {n}",
            bool(abs(mean - 0.5) <= 2.6 * error),
        ),
        at_least("noise, test AUC's 95 % interval covers 0.5", covered(own), n, 0.93),
        at_least("noise, pooled AUC's 95 % interval covers 0.5", covered(pooled), n, 0.93),
    ]


def stale_rows(name: str, p: Sequence[float | None]) -> list[Row]:
    """A run that is refused puts the row outside."""
    refused = sum(value is None for value in p)
    row = at_most(
        f"noise, {name}, pooled p < 0.05", sum(value is not None and value < 0.05 for value in p), len(p), 0.05
    )
    return [replace(row, measured=f"{row.measured}, {refused} refused", inside=row.inside and not refused)]


def session_rows(found: Sequence[bool]) -> list[Row]:
    name = "noise, sessions of 20 clicks on one instrument, `evidence` at any moment"
    return [at_most(name, sum(found), len(found), 0.05)]


def planted_rows(strength: float, least: float, p: Sequence[float], *, protocol: str = "honest") -> list[Row]:
    name = f"planted, Bayes AUC {strength:.2f}, `{protocol}`, unadjusted pooled p < 0.05"
    return [at_least(name, sum(value < 0.05 for value in p), len(p), least)]


def steady_noise_rows(p: Sequence[float]) -> list[Row]:
    return [at_most("noise, `steady`, pooled p < 0.05", sum(value < 0.05 for value in p), len(p), 0.05)]


def usual_rows(auc: Sequence[float]) -> list[Row]:
    share = sum(value > 0.6 for value in auc) / len(auc)
    best = np.mean([max(auc[i : i + 50]) for i in range(0, len(auc) - 49, 50)]) if len(auc) >= 50 else None
    more = f"; best of 50 clicks averages {best:.2f}" if best else ""
    return [Row("noise, the usual recipe: test AUC above 0.60", "(beside)", f"{share:.1%} of {len(auc)}{more}", True)]


def covered(intervals: Sequence[tuple[float, float]]) -> int:
    return sum(low <= 0.5 <= high for low, high in intervals)

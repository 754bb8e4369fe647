"""Is it fooled by noise, and does it find what is there? The product's own pipeline on made-up markets.

Prints the accepted error rates beside what was measured, with standard errors; shares are held against their bound by
an exact binomial test at 1 %, means by 2.6 standard errors. The usual recipe (early stopping on the test window) runs
beside on the same noise. Seeded: the same sizes give the same figures; a size of 0 leaves its rows out.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from scipy.stats import binomtest
from sklearn.preprocessing import StandardScaler

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from scripts.benchmarks.honest_universes import noise_universe, planted_universe
from scripts.benchmarks.markets import market
from training.quant.candle.confirm import confirm_candle
from training.quant.candle.plan import plan_candle
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.candle.train import train_candle
from training.quant.candle.verdict import Evidence, Label, judge
from training.quant.labels import up_label
from training.quant.stats.classification import auc_with_interval

BARS, DECISION, WINDOW, CLICKS = 1_500, 1_400, 35, 20
FIRST_CLICK = 700


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    accepted: str
    measured: str
    inside: bool


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench honesty", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="single runs on noise (default: 400)")
    parser.add_argument("--instruments", type=int, default=100, help="noise instruments of 20 clicks (default: 100)")
    parser.add_argument("--planted", type=int, default=100, help="runs of each planted strength (default: 100)")
    parser.add_argument("--universes", type=int, default=100, help="noise universes of 20 x 840 days (default: 100)")
    parser.add_argument("--walks", type=int, default=40, help="planted universes of 30 x 840 days (default: 40)")
    parser.add_argument("--seed", type=int, default=20_000, help="first seed (default: 20000)")
    parser.add_argument("--processes", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/honesty.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    parts: list[tuple[Callable[[int], Any], int, int, Callable[[list[Any]], list[Row]]]] = [
        (noise_run, options.runs, 0, noise_rows),
        (planted_65, options.planted, 20_000, partial(planted_rows, 0.65, 0.85)),
        (planted_60, options.planted, 30_000, partial(planted_rows, 0.60, 0.30)),
        (noise_universe, options.universes, 40_000, universe_rows),
        (planted_universe, options.walks, 50_000, walk_rows),
        (clicks_on_noise, options.instruments, 10_000, clicks_rows),
        (usual_run, options.runs, 0, usual_rows),
    ]
    rows: list[Row] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for work, count, offset, rows_of in parts:
            seeds = range(options.seed + offset, options.seed + offset + count)
            for row in rows_of(list(pool.map(work, seeds, chunksize=2))) if count else ():
                verdict = "inside" if row.inside else "OUTSIDE"
                print(f"| {row.name} | {row.accepted} | {row.measured} | {verdict} |", flush=True)
                rows.append(row)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([vars(row) for row in rows], indent=1))
    return 0 if all(row.inside for row in rows) else 1


def noise_run(seed: int) -> tuple[float, float, tuple[float, float], tuple[float, float]]:
    """(pooled p, test AUC, its interval, the pooled interval) of one candle run on noise."""
    bars = market(BARS, seed=seed)
    pooled, own = confirmed(bars, DECISION)
    assert own.auc_interval is not None and pooled.auc_interval is not None
    return pooled.p_value, own.auc, own.auc_interval, pooled.auc_interval


def clicks_on_noise(seed: int) -> bool:
    """Whether any of 20 clicks on one noise instrument is called evidence."""
    bars = market(BARS, seed=seed)
    rng = np.random.default_rng(seed)
    found = [confirmed(bars, int(at)) for at in rng.choice(np.arange(FIRST_CLICK, DECISION), CLICKS, replace=False)]
    tries = [pooled.p_value for pooled, _ in found]
    verdicts = (
        judge(single=own, pooled=pooled, confirmed=True, tries=tries, own=place, on="noise")
        for place, (pooled, own) in enumerate(found)
    )
    return any(verdict.label == Label.EVIDENCE for verdict in verdicts)


def planted_65(seed: int) -> float:
    return confirmed(market(BARS, seed=seed, bayes_auc=0.65), DECISION)[0].p_value


def planted_60(seed: int) -> float:
    return confirmed(market(BARS, seed=seed, bayes_auc=0.60), DECISION)[0].p_value


def confirmed(bars: Bars, decision: int) -> tuple[Evidence, Evidence]:
    """(pooled, own window) of the product's run and its confirmation."""
    known = bars.slice(0, decision + WINDOW + 1)
    spec = spec_at(bars, decision)
    own = train_candle(known, decision=decision, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None).evidence
    pooled = confirm_candle(known, decision=decision, spec=spec, on_window=lambda *_: None).pooled
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
    p = model.predict_proba(scaler.transform(features[test]))[:, 1]
    return auc_with_interval(labels[test], p)[0]


def spec_at(bars: Bars, decision: int) -> CandleSpec:
    candle = format_time(datetime.fromtimestamp(int(bars.time[decision]), tz=UTC))
    return CandleSpec(candle=candle, symbol="NOISE", test_window_size=WINDOW)


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


def clicks_rows(found: Sequence[bool]) -> list[Row]:
    return [at_most("noise, 20 clicks on one instrument, any `evidence`", sum(found), len(found), 0.05)]


def planted_rows(strength: float, least: float, p: Sequence[float]) -> list[Row]:
    name = f"planted, Bayes AUC {strength:.2f}, unadjusted pooled p < 0.05"
    return [at_least(name, sum(value < 0.05 for value in p), len(p), least)]


def universe_rows(p: Sequence[float]) -> list[Row]:
    return [at_most("noise, universes of 20 x 840 days, p < 0.05", sum(value < 0.05 for value in p), len(p), 0.05)]


def walk_rows(p: Sequence[float]) -> list[Row]:
    name = "planted rank IC 0.10, 30 x 840 days, walk-forward, p < 0.05"
    return [at_least(name, sum(value < 0.05 for value in p), len(p), 0.45)]


def usual_rows(auc: Sequence[float]) -> list[Row]:
    share = sum(value > 0.6 for value in auc) / len(auc)
    best = np.mean([max(auc[i : i + 50]) for i in range(0, len(auc) - 49, 50)]) if len(auc) >= 50 else None
    more = f"; best of 50 clicks averages {best:.2f}" if best else ""
    return [Row("noise, the usual recipe: test AUC above 0.60", "(beside)", f"{share:.1%} of {len(auc)}{more}", True)]


def covered(intervals: Sequence[tuple[float, float]]) -> int:
    return sum(low <= 0.5 <= high for low, high in intervals)


def at_most(name: str, hits: int, n: int, bound: float) -> Row:
    inside = bool(binomtest(hits, n, bound, alternative="greater").pvalue >= 0.01)
    return Row(name, f"≤ {bound:.0%}", share_text(hits, n), inside)


def at_least(name: str, hits: int, n: int, bound: float) -> Row:
    inside = bool(binomtest(hits, n, bound, alternative="less").pvalue >= 0.01)
    return Row(name, f"≥ {bound:.0%}", share_text(hits, n), inside)


def share_text(hits: int, n: int) -> str:
    share = hits / n
    return f"{share:.1%} ± {np.sqrt(share * (1 - share) / n):.1%} ({hits} of {n})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

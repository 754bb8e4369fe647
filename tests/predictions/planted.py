"""Universes with momentum that stops: who rises on heavy volume goes on rising for twenty days, until one day."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from instruments.quant.bars import Bars
from instruments.quant.features.daily import daily_features
from predictions.quant.drift import SCORES_TIMES, Shift, recent_scorecard, shift
from predictions.quant.score import DayScore, Scorecard, hits
from scripts.benchmarks.markets import market
from training.quant.stats.stability import STRETCH, distribution_of
from training.quant.universe.panel import BUY, CLASSES, COLUMNS, Panel, make_panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import train_universe

HORIZON = 20
Floats = np.ndarray[Any, np.dtype[np.float64]]


def momentum(bars: int, *, seed: int, until: int) -> Bars:
    """Drifts of ±1 % a day for 20 days at a time, the rising ones on threefold volume; after `until` the volume goes on
    and the drift doesn't."""
    rng = np.random.default_rng(seed)
    plain = market(bars, seed=seed)
    drift = np.repeat(rng.choice([-0.01, 0.01], bars // HORIZON + 1), HORIZON)[:bars]
    volume = plain.volume * np.where(drift > 0, 3.0, 1.0)
    lift = np.exp(np.cumsum(np.where(np.arange(bars) < until, drift, 0.0)))
    open_, high, low, close = (getattr(plain, name) * lift for name in ("open", "high", "low", "close"))
    return Bars(plain.time, open_, np.maximum(high, np.maximum(open_, close)), low, close, volume, close)


@dataclass(frozen=True)
class Lived:
    """A model trained on the first `trained` bars, after it has spoken on all that follow."""

    features: list[Shift]  # of each stretch of days
    scores: list[Shift]
    card: Scorecard


def lived(universe: int, *, trained: int, later: int, until: int, instruments: int) -> Lived:
    many = [momentum(trained + later, seed=1000 * universe + i, until=until) for i in range(instruments)]
    known = _panel([bars.slice(0, trained) for bars in many])
    found = train_universe(known, UniverseSpec(), on_stage=lambda *_: None)
    used = np.flatnonzero(known.has_outcome)
    unseen = np.concatenate([found.split.validation, found.split.test])
    said = found.evaluated.probabilities(known.features[unseen])
    features = distribution_of(COLUMNS, known.features[used], known.day[used])
    scores = distribution_of(("p_sell", "p_hold", "p_buy"), said, known.day[unseen])

    whole = _panel(many)
    rows = [np.flatnonzero(whole.day == day) for day in range(trained, trained + later)]
    spoken = [found.deployed.probabilities(whole.features[of]) for of in rows]
    test = found.test.metrics
    promise = {"precision": test["precision_buy"], "interval": test["precision_buy_interval"]}
    scored = [_scored(whole, of, p) for of, p in zip(rows, spoken, strict=True) if whole.has_outcome[of].all()]
    stretches = [slice(start, start + STRETCH) for start in range(0, later - STRETCH + 1, STRETCH)]
    return Lived(
        [shift(features, whole.features[np.concatenate(rows[part])]) for part in stretches],
        [shift(scores, np.concatenate(spoken[part]), times=SCORES_TIMES) for part in stretches],
        recent_scorecard(scored, horizon=HORIZON, promise=promise),
    )


def _panel(many: list[Bars]) -> Panel:
    members = [(f"S{i}", bars, matrix) for i, (bars, matrix) in enumerate(zip(many, daily_features(many), strict=True))]
    return make_panel(members, horizons=(HORIZON,), first_day=0)


def _scored(panel: Panel, rows: Any, p: Floats) -> tuple[date, DayScore]:
    returns, label = panel.returns[rows], p.argmax(axis=1)
    bought, hit = label == BUY, hits(np.array(CLASSES)[label], returns, buy=0.05, sell=-0.02)
    day = date(1970, 1, 1) + timedelta(days=int(panel.days[panel.day[rows[0]]]))
    sums = {"buys": int(bought.sum()), "buy_hits": int((bought & hit).sum()), "promised": float(p[bought, BUY].sum())}
    return day, DayScore(scored=len(rows), **sums)

"""Figures of a universe run on one part: of the three classes, of the expected return, and of the book it keeps."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from instruments.quant.features.daily import day_ranks
from training.quant.candle.spec import COST_BP
from training.quant.stats.backtest import Performance, simulate, tranche_weights
from training.quant.stats.sharpe import Excess, excess_of, excess_returns
from training.quant.universe.panel import BUY, CLASSES, SELL, Panel
from training.quant.universe.predictions import Predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]
BINS = 10  # of the calibration, by P(BUY)


@dataclass(frozen=True)
class Portfolios:
    """Daily portfolios over a part, after costs: long/short (the headline), long only, and equal weight of all."""

    long_short: Performance
    long_only: Performance
    equal_weight: Performance
    gross: float
    days: Ints  # places of the days on which the returns are earned
    excess: Excess


def simulate_portfolios(panel: Panel, rows: Ints, signals: Ints, *, horizon: int) -> Portfolios:
    """PROTOCOL §4: `signals` (n,) of -1, 0, 1 for `rows` as h staggered tranches, over the part's own days.

    Each day's signals are divided by the members that trade on that day. Who has left is held on, and who has ended at
    the last close, until the tranche is over. Signals of the panel's last day are not traded any more.
    """
    is_traded = panel.day[rows] < len(panel.days) - 1
    rows, signals = rows[is_traded], signals[is_traded]
    first, last = int(panel.day[rows].min()), int(panel.day[rows].max())
    span, names = last - first + 1, len(panel.symbols)
    table = np.zeros((span, names))
    table[panel.day[rows] - first, panel.instrument[rows]] = signals
    present = panel.present[first : last + 1]
    share = names / np.maximum(present.sum(axis=1, keepdims=True), 1)
    prices = slice(first, last + 2)
    a_year = panel.bars_a_year

    def book(weights: Floats) -> Performance:
        return simulate(
            weights=weights,
            open_=panel.open[prices],
            close=panel.close[prices],
            cost_bp=COST_BP,
            bars_a_year=a_year,
        )

    weights = tranche_weights(table * share, horizon)
    both, equal = book(weights), book(present * share / names)
    return Portfolios(
        long_short=both,
        long_only=book(tranche_weights(np.maximum(table, 0.0) * share, horizon)),
        equal_weight=equal,
        gross=float(np.abs(weights).sum(axis=1).mean()),
        days=np.arange(first + 1, last + 2),
        excess=excess_of(excess_returns(both.returns, equal.returns, both.exposure), bars_a_year=a_year),
    )


def headline(
    panel: Panel,
    rows: Ints,
    *,
    labels: Ints,
    predictions: Predictions,
    daily_ic: tuple[Ints, Floats],
    portfolios: Portfolios,
    buy: float,
    horizon: int,
) -> dict[str, Any]:
    """M of the contract. `labels` and `predictions` stand beside `rows`, each of which has an outcome, `daily_ic` is
    `daily_rank_ic` of them; `portfolios` are of all rows of the part."""
    returns, day = panel.returns[rows], panel.day[rows]
    predicted, errors = predictions.labels, predictions.expected - returns
    spread = float(((returns - returns.mean()) ** 2).sum())
    buys = buy_figures(day, predicted == BUY, returns >= buy, horizon=horizon)
    days, ic = daily_ic
    bought = returns[predicted == BUY]
    return {
        "rows": len(rows),
        "precision_buy": buys["precision"],
        "precision_buy_interval": buys["precision_interval"],
        "precision_buy_positive": float((bought > 0).mean()) if len(bought) else None,
        "base_rate_buy": buys["base_rate"],
        "base_rate_buy_all": float((labels == BUY).mean()),
        "base_rate_positive": float((returns > 0).mean()),
        "buys": len(bought),
        "lift_buy": buys["lift"],
        "lift_buy_interval": buys["lift_interval"],
        "accuracy": float((predicted == labels).mean()),
        "majority_accuracy": float(np.bincount(labels, minlength=len(CLASSES)).max() / len(labels)),
        "rmse": math.sqrt(float((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
        "r2": 1.0 - float((errors**2).sum()) / spread if spread > 0 else None,
        "rank_ic": float(ic.mean()) if len(ic) else None,
        "rank_ic_interval": rank_ic_interval(days, ic, horizon=horizon),
        "sharpe": portfolios.long_short.sharpe,
        "max_drawdown": portfolios.long_short.max_drawdown,
        "total_return": portfolios.long_short.total_return,
        "turnover": portfolios.long_short.turnover,
        "exposure": portfolios.long_short.exposure,
        "gross": portfolios.gross,
        "excess_sharpe": portfolios.excess.sharpe,
        "benchmark_sharpe": portfolios.equal_weight.sharpe,
        "benchmark_max_drawdown": portfolios.equal_weight.max_drawdown,
        "benchmark_total_return": portfolios.equal_weight.total_return,
        "long_only_sharpe": portfolios.long_only.sharpe,
        "long_only_max_drawdown": portfolios.long_only.max_drawdown,
        "long_only_total_return": portfolios.long_only.total_return,
    }


def buy_figures(day: Ints, bought: Flags, hit: Flags, *, horizon: int) -> dict[str, Any]:
    """Precision of BUY, the base rate of the same days (each day counted as often as it was bought on), and the lift of
    one over the other, with 95 % intervals from blocks of 2h days. None where nothing was bought."""
    if not bought.any():
        return dict.fromkeys(("precision", "precision_interval", "base_rate", "lift", "lift_interval"))
    rate = np.bincount(day, hit) / np.maximum(np.bincount(day), 1)
    base, block = rate[day[bought]], blocks_of(day, horizon)[bought]
    return {
        "precision": float(hit[bought].mean()),
        "precision_interval": share_interval(hit[bought], block),
        "base_rate": float(base.mean()),
        "lift": float((hit[bought] - base).mean()),
        "lift_interval": mean_interval(hit[bought] - base, block),
    }


def blocks_of(day: Ints, horizon: int) -> Ints:
    """(n,): which block of 2h days each of `day` (n,) lies in, from the first one on; what is left over at the end is a
    block of its own from h days on. Outcomes of days within a block overlap; of those of different ones few do."""
    first, length = int(day.min()), 2 * horizon
    count = max(1, (int(day.max()) + 1 - first + horizon) // length)
    return np.minimum((day - first) // length, count - 1)


def mean_interval(values: Floats, block: Ints) -> list[float] | None:
    """95 % interval of the mean of `values` (n,) that hang together within each block (n,): cluster-robust (Liang &
    Zeger 1986), Student's t with one degree of freedom less than there are blocks. None for fewer than three."""
    _, own = np.unique(block, return_inverse=True)
    count = int(own.max(initial=-1)) + 1
    if count < 3:
        return None
    mean = float(values.mean())
    sums = np.bincount(own, values - mean)
    error = math.sqrt(float((sums**2).sum()) * count / (count - 1)) / len(values)
    half = float(stdtrit(count - 1, 0.975)) * error
    return [mean - half, mean + half]


def share_interval(hit: Flags, block: Ints) -> list[float] | None:
    """The same of a share, within 0 and 1."""
    interval = mean_interval(hit.astype(np.float64), block)
    return interval and [max(0.0, interval[0]), min(1.0, interval[1])]


def rank_ic(day: Ints, expected: Floats, returns: Floats) -> Floats:
    """Spearman's correlation of `expected` and `returns` within each day, ascending; days on which either doesn't vary
    are left out."""
    return daily_rank_ic(day, expected, returns)[1]


def rank_ic_interval(days: Ints, values: Floats, *, horizon: int) -> list[float] | None:
    """95 % interval of the mean of the daily rank IC `values` (T,) of `days` (T,), from blocks of 2h days."""
    return mean_interval(values, blocks_of(days, horizon)) if len(days) else None


def daily_rank_ic(day: Ints, expected: Floats, returns: Floats) -> tuple[Ints, Floats]:
    """The days, ascending, and `rank_ic` of each."""
    a, b = day_ranks(day, expected) - 0.5, day_ranks(day, returns) - 0.5  # the mean of a day's ranks is 0.5
    cross, squares_a, squares_b = (np.bincount(day, product) for product in (a * b, a * a, b * b))
    scale = np.sqrt(squares_a * squares_b)
    days = np.flatnonzero(scale > 1e-12)
    return days, cross[days] / scale[days]


def classification_report(labels: Ints, predicted: Ints) -> dict[str, Any]:
    """Confusion matrix (rows: what came, columns: what was said) and the classification report by class."""
    size = len(CLASSES)
    confusion = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
    by_class = {}
    for k, name in enumerate(CLASSES):
        hits, actual, predicted_count = int(confusion[k, k]), int(confusion[k].sum()), int(confusion[:, k].sum())
        by_class[name] = {
            "precision": hits / predicted_count if predicted_count else None,
            "recall": hits / actual if actual else None,
            "f1": 2 * hits / (actual + predicted_count) if actual + predicted_count else None,
            "support": actual,
            "said": predicted_count,
        }
    return {"classes": list(CLASSES), "confusion": confusion.tolist(), "by_class": by_class}


def calibration(probability: Floats, hit: Flags, ascending: Ints) -> list[dict[str, Any]]:
    """Bins of P(BUY) of equal size, lowest first: what was promised and what came. `ascending`: argsort of
    `probability`."""
    return [
        {"rows": len(part), "promised": float(probability[part].mean()), "came": float(hit[part].mean())}
        for part in np.array_split(ascending, BINS)
        if len(part)
    ]


def signals_of(predicted: Ints) -> Ints:
    """BUY long, SELL short, HOLD flat."""
    return np.where(predicted == BUY, 1, np.where(predicted == SELL, -1, 0))

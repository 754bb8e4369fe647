"""Figures of a universe where names end, and intervals where outcomes overlap, against what is true."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import t as student

from instruments.quant.bars import Bars
from tests.training.quant.noise import noise_bars
from tests.training.quant.universe.ragged import panel_of
from training.quant.universe.metrics import (
    Portfolios,
    blocks_of,
    buy_figures,
    daily_rank_ic,
    mean_interval,
    rank_ic,
    rank_ic_interval,
    simulate_portfolios,
)
from training.quant.universe.panel import Ints, Panel
from training.quant.universe.predictions import Predictions
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import evaluate_predictions, label_rows

H, DAYS, NAMES = 20, 300, 15


def _crashing(seed: int, last: int) -> Bars:
    """Falls by 7 % a day for twelve days, of which `last` is the last that it has."""
    bars = noise_bars(last + 1, seed=seed)
    fall = np.exp(-0.07 * np.clip(np.arange(last + 1) - (last - 12), 0, None))
    prices = {name: getattr(bars, name) * fall for name in ("open", "high", "low", "close", "adj_close")}
    return Bars(time=bars.time, volume=bars.volume, **prices)


@pytest.fixture(scope="module")
def delisted() -> Panel:
    """Of 20 names the last four crash and end."""
    plain = {f"S{i}": noise_bars(DAYS, seed=i) for i in range(16)}
    return panel_of({**plain, **{f"X{i}": _crashing(30 + i, 150 + 30 * i) for i in range(4)}}, H)


def _buys_what_fell(panel: Panel) -> tuple[Ints, Ints]:
    """All rows, and a BUY wherever the close is a fifth below that of five candles before."""
    rows = np.arange(len(panel.day))
    close = np.vstack([panel.close[:1].repeat(5, axis=0), panel.close])
    before = close[panel.day, panel.instrument]
    return rows, (panel.close[panel.day, panel.instrument] / before < 0.8).astype(np.int64)


def test_names_that_end_in_a_crash_are_in_the_book(delisted: Panel) -> None:
    """The measurement behind it: without rows whose 20th candle never came, this book never held a thing."""
    rows, signals = _buys_what_fell(delisted)
    with_candle = ~delisted.own.ended & delisted.has_outcome
    assert signals.sum() >= 20 and not signals[with_candle].any()
    book = simulate_portfolios(delisted, rows, signals, horizon=H).long_only
    assert book.total_return < -0.02 and book.total_return == pytest.approx(_slow_return(delisted, signals), abs=1e-12)


def _slow_return(panel: Panel, signals: Ints) -> float:
    """A buyer of 1/h of the capital in equal parts each day, by plain floats."""
    said = {(int(d), int(j)): int(s) for d, j, s in zip(panel.day, panel.instrument, signals, strict=True)}
    equity, before = 1.0, [0.0] * len(panel.symbols)
    for t in range(int(panel.day.min()), len(panel.days) - 1):
        earned, weights = 0.0, []
        for j in range(len(panel.symbols)):
            held = [said.get((t - age, j), 0) / int(panel.traded[t - age].sum()) for age in range(H) if age <= t]
            weights.append(sum(held) / H)
            o, c, c0 = panel.open[t + 1, j], panel.close[t + 1, j], panel.close[t, j]
            earned += before[j] * (o / c0 - 1) + weights[j] * (c / o - 1) - 5e-4 * abs(weights[j] - before[j])
        equity, before = equity * (1 + earned), weights
    return equity - 1


def test_ended_names_are_scored_by_their_last_close_and_pending_ones_not_yet(delisted: Panel) -> None:
    spec, rows = UniverseSpec(horizon=H), np.arange(len(delisted.day))
    _, signals = _buys_what_fell(delisted)
    probabilities = np.where((signals == 1)[:, None], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1])
    expected = np.arange(len(rows), dtype=np.float64)
    predictions = Predictions(
        probabilities, expected, probabilities.argmax(axis=1), expected, np.full(len(rows), np.nan)
    )
    labels = label_rows(delisted, spec)

    def buys_until(place: int) -> tuple[int, Portfolios]:
        whole = evaluate_predictions(delisted, labels, rows, predictions, spec, known_by=place)
        return whole.metrics["buys"], whole.portfolios

    assert buys_until(len(delisted.days) - 1)[0] == signals.sum()
    first = int(delisted.day[signals == 1].min())
    early, book = buys_until(first + 2 * H)
    assert early == 1 and len(book.long_short.returns) == DAYS - 1 - int(delisted.day.min())
    ended = np.flatnonzero(signals)[0]
    own = delisted.close[:, delisted.instrument[ended]]
    assert delisted.returns[ended] == own[-1] / own[first] - 1 < -0.3


def _overlapping(seed: int) -> tuple[Ints, np.ndarray, np.ndarray]:
    """`day`, a score that knows nothing but moves slowly, and 20-day returns of names with a market in common."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, (DAYS + H, NAMES)) * 0.015 + rng.standard_t(5, (DAYS + H, 1)) * 0.006
    price = np.exp(np.cumsum(shocks, axis=0))
    score = rng.normal(size=(DAYS, NAMES))
    for day in range(1, DAYS):
        score[day] = 0.95 * score[day - 1] + math.sqrt(1 - 0.95**2) * score[day]
    return np.repeat(np.arange(DAYS), NAMES), score.ravel(), (price[H:] / price[:-H] - 1).ravel()


def test_intervals_cover_what_is_true_although_outcomes_overlap() -> None:
    """The measurement behind it: clustered by day, the intervals said to cover 95 % covered 50 to 62 %."""

    def covers() -> Iterator[tuple[bool, bool, bool, bool]]:
        for seed in range(200):
            day, score, returns = _overlapping(seed)
            bought, hit = score > 1, returns >= 0.05
            ic, by_day = rank_ic(day, score, returns), np.arange(DAYS)
            lift = buy_figures(day, bought, hit, horizon=H)["lift_interval"]
            gap = (hit - (np.bincount(day, hit) / NAMES)[day])[bought]
            intervals = (
                lift,
                rank_ic_interval(*daily_rank_ic(day, score, returns), horizon=H),
                mean_interval(gap, day[bought]),
                mean_interval(ic, by_day),
            )
            yield tuple(low <= 0 <= high for low, high in filter(None, intervals))  # type: ignore[misc]

    lift, ic, lift_by_day, ic_by_day = np.mean(list(covers()), axis=0)
    assert 0.90 <= lift <= 0.985 and 0.90 <= ic <= 0.985
    assert lift_by_day < 0.75 and ic_by_day < 0.5


def test_an_interval_is_students_over_stretches() -> None:
    """Of equal stretches: the t interval of their means."""
    values = np.random.default_rng(5).normal(size=240)
    means = values.reshape(6, 40).mean(axis=1)
    expected = student.interval(0.95, 5, loc=means.mean(), scale=means.std(ddof=1) / math.sqrt(6))
    assert mean_interval(values, blocks_of(np.arange(240), 20)) == pytest.approx(expected)
    assert mean_interval(values[:99], blocks_of(np.arange(99), 20)) is None  # two: that tells nothing


def test_blocks_leave_no_short_one_at_the_end() -> None:
    day = np.array([7, 7, 9, 10, 11, 13, 14, 15, 15])  # 9 days, 4 a block
    assert blocks_of(day, 2).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert blocks_of(np.append(day, 16), 2).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert blocks_of(np.array([3, 4]), 2).tolist() == [0, 0]

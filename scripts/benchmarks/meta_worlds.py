"""Worlds for the meta-predictor: made-up markets in which real studies search, and what they leave to learn from.

In a planted world quiet markets have a signal that only deep trees of many leaves see, and wild ones a weak one that
any stump does: high volatility wants fewer leaves. In a noise world nothing foretells anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from instruments.quant.bars import Bars
from scripts.benchmarks.markets import DAY, MONDAY
from scripts.benchmarks.markets import market as noise_market
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.labels import up_label
from training.quant.search.market_state import market_state
from training.quant.search.meta import PAIR_CANDLES, PAIR_TRIALS, MetaDataset, param_vector
from training.quant.search.meta_pairs import ADVISORS, MetaClaim, PairScores, meta_claim, pair_scores
from training.quant.search.plan import StudyPlan, plan_study
from training.quant.search.score import Scorer, steady_spec
from training.quant.search.study import SearchTrial, Study
from training.recipes.study.spec import SPACE

MARKETS, STUDIES, TRIALS = 6, 5, 10  # studies a market, trials a study: 300 trials
BARS, FIRST, APART, SHIFT = 2_400, 1_000, 260, 20
QUIET, WILD = 0.006, 0.03  # deviation of a day's return
Signal = Callable[[np.ndarray], np.ndarray]  # (3, n) of body and both shadows, 0 to 1 evenly -> (n,) from -1 to 1


def planted_world(seed: int) -> MetaClaim | None:
    """What is claimed after 300 trials, where something is to be learnt."""
    return claimed(planted_markets(seed))


def noise_world(seed: int) -> MetaClaim | None:
    """What is claimed after 300 trials, where nothing is."""
    return claimed(noise_markets(seed))


def claimed(markets: Sequence[Bars]) -> MetaClaim | None:
    return meta_claim(pairs_of(markets, carry_out(markets)))


def planted_markets(seed: int) -> list[Bars]:
    """Every other one is wild."""
    return [
        market(stump, volatility=WILD, edge=0.15, seed=each)
        if each % 2
        else market(parity, volatility=QUIET, edge=0.4, seed=each)
        for each in _seeds(seed)
    ]


def noise_markets(seed: int) -> list[Bars]:
    """Every other one is wild."""
    return [noise_market(BARS, seed=each, daily=WILD if each % 2 else QUIET) for each in _seeds(seed)]


def _seeds(seed: int) -> range:
    return range(MARKETS * seed, MARKETS * (seed + 1))


def carry_out(markets: Sequence[Bars]) -> list["WorldStudy"]:
    """The studies of a world, in the order of their candles."""
    runs = [
        (series, FIRST + number * APART + series * SHIFT) for number in range(STUDIES) for series in range(len(markets))
    ]
    return [run_study(markets[series], series=series, decision=decision) for series, decision in runs]


def market(signal: Signal, *, volatility: float, edge: float, seed: int) -> Bars:
    """Weekday bars whose next close is higher with probability 0.5 + edge times the signal of the bar's shape."""
    rng, n = np.random.default_rng(seed), BARS
    shape = rng.random((3, n))
    rises = rng.random(n) < 0.5 + edge * np.concatenate(([0.0], signal(shape)[:-1]))
    close = 100 * np.exp(np.cumsum(np.abs(rng.standard_t(5, n)) * volatility * np.where(rises, 1, -1)))
    open_ = close * np.exp((shape[0] - 0.5) * volatility)
    high, low = np.maximum(open_, close) * (1 + shape[1] * volatility), np.minimum(open_, close)
    days = np.arange(n)
    time = MONDAY + (days // 5 * 7 + days % 5) * DAY
    return Bars(time, open_, high, low * (1 - shape[2] * volatility), close, rng.lognormal(14, 0.5, n), close)


def stump(shape: np.ndarray) -> np.ndarray:
    """One split shows it."""
    return np.asarray(np.sign(shape[0] - 0.5))


def parity(shape: np.ndarray) -> np.ndarray:
    """No split shows it but three below one another: it needs deep trees of many leaves."""
    return np.asarray(np.sign((shape - 0.5).prod(axis=0)))


@dataclass(frozen=True)
class WorldStudy:
    """A study that was carried out: on market number `series`, for a run at bar `decision`."""

    series: int
    decision: int
    spec: CandleSpec
    plan: StudyPlan
    trials: list[SearchTrial]
    steady: float


def run_study(bars: Bars, *, series: int, decision: int) -> WorldStudy:
    day = format_time(datetime.fromtimestamp(int(bars.time[decision]), tz=UTC))
    spec = CandleSpec(candle=day, symbol=f"M{series}", train_years=2.0)
    plan = plan_study(bars, decision=decision, spec=spec, folds=2)
    scorer = Scorer(bars, plan=plan, spec=spec)
    done = [trial for trial in Study(spec, SPACE, scorer, TRIALS).trials() if trial.log_loss is not None]
    return WorldStudy(series, decision, spec, plan, done, scorer.steady().log_loss)


def dataset(markets: Sequence[Bars], studies: Sequence[WorldStudy]) -> MetaDataset:
    """What there is to learn; a trial's number is its place among all trials."""
    pairs = [(row, trial) for row, study in enumerate(studies) for trial in study.trials]
    return MetaDataset(
        state=np.array([state_of(markets[study.series], study) for study in studies]),
        candle=np.array([int(study.plan.candle.timestamp()) for study in studies]),
        seen_until=np.array([int(study.plan.seen_until.timestamp()) for study in studies]),
        instrument=np.array([study.series for study in studies]),
        series=np.array([study.series for study in studies]),
        study=np.array([row for row, _ in pairs]),
        trial=np.arange(len(pairs)),
        params=np.array([param_vector(trial.params, trial.rounds or 1) for _, trial in pairs]),
        skill=np.array([studies[row].steady - (trial.log_loss or 0.0) for row, trial in pairs]),
    )


def state_of(bars: Bars, study: WorldStudy) -> np.ndarray:
    plan, until = study.plan, bars.slice(0, study.plan.decision + 1)
    labels = up_label(bars.close)[plan.rows[plan.train.start : plan.train.stop]]
    return market_state(until, labels, timeframe="1d")


def advised(studies: Sequence[WorldStudy], row: int, past: MetaDataset, number: int) -> CandleSpec:
    """The spec of study `row` with the parameters of the trial `number` of `known`."""
    trials = [trial for study in studies for trial in study.trials]
    trial = trials[int(past.trial[number])]
    params: dict[str, object] = {"lambda_l2": None, "columns": None} | dict(trial.params)
    return replace(studies[row].spec, rounds=trial.rounds, **params)  # type: ignore[arg-type]


def pairs_of(markets: Sequence[Bars], studies: Sequence[WorldStudy]) -> list[PairScores]:
    """Each study's candle forward in time, its own instrument left out."""
    data, pairs = dataset(markets, studies), []
    for row, study in enumerate(studies):
        past = data.known_at(int(data.candle[row]), without=study.series)
        if not past.has(trials=PAIR_TRIALS, candles=PAIR_CANDLES):
            continue
        specs = {name: advised(studies, row, past, advise(past, data.state[row])) for name, advise in ADVISORS.items()}
        bars = markets[study.series]
        pair = pair_scores(
            bars.slice(0, study.decision + study.spec.test_window_size + 1),
            series=study.series,
            decision=study.decision,
            not_before=int(data.candle[row]),
            specs={"steady": steady_spec(study.spec), **specs},
        )
        if pair is not None:
            pairs.append(pair)
    return pairs

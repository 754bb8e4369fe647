"""The meta-predictor: what it may know, what it advises, and what is claimed of it."""

from dataclasses import replace

import numpy as np
import pytest

from scripts.benchmarks.meta_worlds import (
    MARKETS,
    carry_out,
    claimed,
    dataset,
    noise_markets,
    pairs_of,
    planted_markets,
)
from training.quant.search.meta import LEARNERS, PARAMS, MetaDataset, nearest_trial, param_vector
from training.quant.search.meta_pairs import ADVISORS, PairScores, meta_claim
from training.quant.search.meta_trees import trees_trial
from training.quant.stats.multiple_testing import trial_level

DAY = 86_400
LEAVES = PARAMS.index("num_leaves")


def two_kinds(studies: int = 40, trials: int = 8, *, seed: int = 1) -> MetaDataset:
    """Of quiet markets (state 0), where skill grows with leaves, and in turn of wild ones (1), where it falls."""
    rng = np.random.default_rng(seed)
    wild = np.arange(studies) % 2
    study = np.repeat(np.arange(studies), trials)
    params = rng.normal(size=(len(study), len(PARAMS)))
    return MetaDataset(
        state=np.stack([wild + rng.normal(0, 0.1, studies), rng.normal(size=studies)], axis=1),
        candle=np.arange(studies) * DAY,
        seen_until=np.arange(studies) * DAY,
        instrument=np.arange(studies) % 4,
        series=np.arange(studies) % 4,
        study=study,
        trial=np.arange(len(study)) + 1_000,
        params=params,
        skill=0.01 * params[:, LEAVES] * np.where(wild[study], -1, 1) + rng.normal(0, 0.002, len(study)),
    )


@pytest.mark.parametrize("advise", ADVISORS.values(), ids=LEARNERS)
def test_it_learns_what_suits_which_market(advise: object) -> None:
    data = two_kinds()
    quiet, wild = (data.params[advise(data, np.array([state, 0.0]))] for state in (0.0, 1.0))  # type: ignore[operator]
    assert wild[LEAVES] < -0.5 and quiet[LEAVES] > 0.5


@pytest.mark.parametrize("advise", [nearest_trial, trees_trial])
def test_states_may_lack_what_a_young_market_has_not(advise: object) -> None:
    data = two_kinds()
    data.state[::3, 1] = np.nan
    wild = data.params[advise(data, np.array([1.0, np.nan]))]  # type: ignore[operator]
    assert wild[LEAVES] < 0


def test_it_knows_only_what_was_over_at_the_candle_and_not_the_instrument_left_out() -> None:
    data = two_kinds()
    past = data.known_at(20 * DAY, without=3)
    assert past.seen_until.max() == 20 * DAY and 3 not in past.instrument
    assert past.candles == 16 and len(past.trial) == 16 * 8
    assert past.has(trials=128, candles=16) and not past.has(trials=129, candles=1)
    own = np.isin(data.study, np.flatnonzero((data.seen_until <= 20 * DAY) & (data.instrument != 3)))
    assert np.array_equal(past.trial, data.trial[own])
    assert np.array_equal(past.skill, data.skill[own])
    assert np.array_equal(past.state[past.study], data.state[data.study[own]])


def test_what_comes_later_changes_no_advice() -> None:
    data = two_kinds()
    later = data.seen_until > 20 * DAY
    other = replace(
        data,
        state=np.where(later[:, None], 99.0, data.state),
        skill=np.where(later[data.study], -data.skill, data.skill),
    )
    for advise in ADVISORS.values():
        at, state = 20 * DAY, np.array([1.0, 0.0])
        assert advise(data.known_at(at), state) == advise(other.known_at(at), state)


def test_parameters_are_compared_on_a_log_scale_and_what_is_absent_does_nothing() -> None:
    sent = {"num_leaves": 31, "max_depth": 6, "min_child_samples": 20, "learning_rate": 0.05}
    assert np.exp(param_vector(sent, 7)).tolist() == pytest.approx([31, 6, 20, 0.05, 0.01, 1.0, 7])


def scores(better: float, *, n: int = 600, series: int = 1, seed: int = 5) -> PairScores:
    """`nearest` sees `better` more of the outcome than steady does; `trees` are steady's equal."""
    rng = np.random.default_rng(seed)
    up = rng.integers(0, 2, n).astype(float)
    common = 0.3 * up + rng.normal(size=n)
    noisy = {name: common + rng.normal(0, 0.3, n) for name in ("steady", *LEARNERS)}
    noisy["nearest"] += better * up
    return PairScores(series, np.arange(n) * 3 * DAY, up, noisy)


def test_it_claims_the_better_learner_by_more_than_luck() -> None:
    claim = meta_claim([scores(0.5)])
    assert claim is not None and claim.learner == "nearest" and claim.difference > 0.05
    assert claim.is_better(trial_level(1)) and claim.rows == 600
    equal = meta_claim([scores(0.0)])
    assert equal is not None and equal.p_value > 0.05
    worse = meta_claim([scores(-0.5)])
    assert worse is not None and not worse.is_better(0.05)
    assert meta_claim([]) is None
    one_class = replace(scores(0.5), up=np.ones(600))
    assert meta_claim([one_class]) is None


def test_a_bar_counts_once_however_many_pairs_hold_it() -> None:
    once = meta_claim([scores(0.5)])
    assert meta_claim([scores(0.5)] * 5) == once
    apart = meta_claim([scores(0.5), scores(0.5, series=2)])
    assert apart is not None and apart.rows == 1_200


@pytest.mark.slow
def test_where_high_volatility_wants_fewer_leaves_it_beats_steady_after_300_trials() -> None:
    markets = planted_markets(1)
    studies = carry_out(markets)
    assert sum(len(study.trials) for study in studies) == 300
    claim = meta_claim(pairs_of(markets, studies))
    assert claim is not None and claim.is_better(trial_level(1)) and claim.difference > 0
    data = dataset(markets, studies)
    for advise in ADVISORS.values():
        leaves: dict[int, list[float]] = {0: [], 1: []}
        for row in range(len(studies) - 2 * MARKETS, len(studies)):
            past = data.known_at(int(data.candle[row]), without=studies[row].series)
            leaves[studies[row].series % 2].append(float(np.exp(past.params[advise(past, data.state[row]), LEAVES])))
        assert np.median(leaves[1]) < np.median(leaves[0])


@pytest.mark.slow
def test_on_noise_it_is_no_better() -> None:
    claim = claimed(noise_markets(1)[:4])
    assert claim is not None and not claim.is_better(trial_level(1))

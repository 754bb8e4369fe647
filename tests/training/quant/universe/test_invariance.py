"""What a universe's rows and models hang on: no bar after the day, and no instrument beside but where days are ranked.

The four plain names of `ragged` are always there, so that the same days count whoever else is.
"""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from tests.training.quant.universe.ragged import panel_of, ragged
from training.quant.universe.honest.train import SCORES, fit_honest, honest_rows, score_rows
from training.quant.universe.panel import MODEL_FEATURES, Panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import fit_rows, label_rows

H, SHORT = 5, 1
MEMBERS = ragged()
WHOLE = panel_of(MEMBERS, H, SHORT)
OTHERS = sorted(MEMBERS)[4:]
FIRST, LAST = 62, len(WHOLE.days) - 2  # places of days, with rows on the first
Told = dict[tuple[str, int], tuple[bytes, ...]]


def changed_after(bars: Bars, day: int, *, seed: int, gone: float) -> Bars:
    """Another future: other prices and volumes, and a share `gone` of its bars."""
    rng = np.random.default_rng(seed)
    later = bars.time // 86_400 > day
    factor = np.where(later, rng.uniform(0.3, 3.0, len(bars)), 1.0)
    columns = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close", "adj_close", "volume")}
    return replace(bars, **columns).where(~later | (rng.random(len(bars)) >= gone))


def changed_panel(place: int, *, seed: int, gone: float) -> Panel:
    day = int(WHOLE.days[place])
    futures = {
        symbol: changed_after(bars, day, seed=seed + number, gone=gone)
        for number, (symbol, bars) in enumerate(MEMBERS.items())
    }
    return panel_of(futures, H, SHORT)


def told(panel: Panel, horizon: int, *, until: int, features: int) -> Told:
    """What the panel says of each row up to a day (its number): the first `features` columns, and the outcomes that
    are known on it."""
    forward, days = panel.forward[horizon], panel.days
    known_on = np.append(days, np.iinfo(np.int64).max)[forward.outcome]
    return {
        (panel.symbols[panel.instrument[row]], int(days[panel.day[row]])): (
            panel.features[row, :features].tobytes(),
            *(
                (forward.returns[row].tobytes(), known_on[row].tobytes(), forward.ended[row].tobytes())
                if known_on[row] <= until
                else ()
            ),
        )
        for row in np.flatnonzero(days[panel.day] <= until)
    }


@settings(max_examples=20)
@given(place=st.integers(FIRST, LAST), seed=st.integers(0, 10**6), gone=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_later_bars_change_no_row_and_no_outcome_that_was_known(place: int, seed: int, gone: float) -> None:
    panel, until = changed_panel(place, seed=seed, gone=gone), int(WHOLE.days[place])
    assert np.array_equal(panel.days[: place + 1], WHOLE.days[: place + 1])
    columns = WHOLE.features.shape[1]
    for horizon in (H, SHORT):
        assert told(panel, horizon, until=until, features=columns) == told(
            WHOLE, horizon, until=until, features=columns
        )
    begun = WHOLE.traded[: place + 1].any(axis=0)  # before its first bar a name has the price of it
    for name in ("open", "close", "traded"):
        before, after = (getattr(one, name)[: place + 1, begun] for one in (WHOLE, panel))
        assert np.array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("gone", [0.0, 0.5])
def test_later_bars_change_nothing_that_honest_learns_and_says(gone: float) -> None:
    """To the last bit, also where there are fewer of them."""
    for place, seed in ((150, 1), (231, 2)):
        fits = []
        for panel in (WHOLE, changed_panel(place, seed=seed, gone=gone)):
            rows = honest_rows(panel, H)
            fit, seen = fit_honest(rows, until=place, with_trees=True, seed=42), np.flatnonzero(rows.day <= place)
            assert fit.trees is not None and fit.used_until <= place
            scores = [score_rows(rows, seen, fit, score) for score in SCORES]
            fits.append((fit.trees.model_to_string(), fit.mean_return, scores, [*fit.weights.values()]))
        (trees, mean, scores, weights), (other_trees, other_mean, other_scores, other_weights) = fits
        assert trees == other_trees and mean == other_mean
        assert np.array_equal(scores, other_scores)
        assert np.array_equal(other_weights, weights)


@pytest.mark.slow
@pytest.mark.parametrize("gone", [0.0, 0.5])
def test_later_bars_change_nothing_that_phase22_learns_and_says(gone: float) -> None:
    place, heard = 200, []
    for panel in (WHOLE, changed_panel(place, seed=3, gone=gone)):
        used, seen = np.flatnonzero(panel.outcome <= place), np.flatnonzero(panel.day <= place)
        pair = fit_rows(panel, label_rows(panel, UniverseSpec(horizon=H)), used, seed=42)
        said = pair.predict(panel.features[seen])
        heard.append((said.probabilities.tobytes(), said.expected.tobytes(), said.labels.tobytes()))
    assert heard[0] == heard[1]


@settings(max_examples=20)
@given(others=st.lists(st.sampled_from(OTHERS), unique=True), order=st.randoms(use_true_random=False))
def test_whoever_else_is_there_and_in_whatever_order_labels_and_stored_features_are_the_same(
    others: list[str], order: Random
) -> None:
    symbols = [*sorted(MEMBERS)[:4], *others]
    order.shuffle(symbols)
    panel = panel_of({symbol: MEMBERS[symbol] for symbol in symbols}, H, SHORT)
    assert np.array_equal(panel.days, WHOLE.days)
    for horizon in (H, SHORT):
        whole = told(WHOLE, horizon, until=10**6, features=len(MODEL_FEATURES))
        of_these = {key: value for key, value in whole.items() if key[0] in symbols}
        assert told(panel, horizon, until=10**6, features=len(MODEL_FEATURES)) == of_these

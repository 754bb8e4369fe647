"""The control of universes: same rows, another's returns of other days."""

import numpy as np
import pytest

from tests.training.quant.noise import noise_bars
from tests.training.quant.universe.ragged import panel_of, ragged
from training.quant.universe.noise_control import control_panel
from training.quant.universe.panel import Panel, TooLittle

H = 5


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(ragged(600), H, 1)


def _daily(panel: Panel) -> np.ndarray:
    return panel.close[1:] / panel.close[:-1] - 1


def test_each_gets_the_returns_of_another_rotated_by_250_days_at_least(panel: Panel) -> None:
    control, days = control_panel(panel, seed=42), len(panel.days)
    own = np.vstack([np.zeros(len(panel.symbols)), _daily(panel)])
    mine = _daily(control)
    shifts, donors = set(), []
    for j in range(len(panel.symbols)):
        fits = [
            (shift, k)
            for shift in range(days)
            for k in range(len(panel.symbols))
            if np.allclose(np.roll(own[:, k], shift)[1:], mine[:, j], atol=1e-12)
        ]
        assert len(fits) == 1
        shifts.add(fits[0][0])
        donors.append(fits[0][1])
        assert fits[0][1] != j
    assert sorted(donors) == list(range(len(donors)))
    [shift] = shifts  # one for all: what they have in common stays
    assert 250 <= shift <= days - 250


def test_opens_keep_their_place_between_closes(panel: Panel) -> None:
    control = control_panel(panel, seed=42)
    overnight, mine = panel.open[1:] / panel.close[:-1], control.open[1:] / control.close[:-1]
    assert all(any(np.isclose(overnight, value, atol=1e-12).any(axis=0)) for value in mine[10])


@pytest.mark.parametrize("horizon", [H, 1])
def test_rows_features_and_days_stay_and_outcomes_are_those_of_its_prices(panel: Panel, horizon: int) -> None:
    control = control_panel(panel, seed=42)
    one, other = panel.forward[horizon], control.forward[horizon]
    assert control.features is panel.features and control.day is panel.day and control.traded is panel.traded
    assert np.array_equal(one.outcome, other.outcome) and np.array_equal(one.ended, other.ended)
    for row in range(0, len(panel.day), 17):
        if one.has_outcome[row]:
            prices = control.close[:, panel.instrument[row]]
            assert other.returns[row] == prices[one.outcome[row]] / prices[panel.day[row]] - 1
        else:
            assert np.isnan(other.returns[row])
    have = one.has_outcome
    assert abs(np.corrcoef(one.returns[have], other.returns[have])[0, 1]) < 0.2


def test_it_is_fixed_by_its_seed(panel: Panel) -> None:
    one, same, other = (control_panel(panel, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.close, same.close) and not np.array_equal(one.close, other.close)


def test_it_needs_more_days_than_it_rotates_by() -> None:
    with pytest.raises(TooLittle, match="250"):
        control_panel(panel_of({"A": noise_bars(250, seed=1), "B": noise_bars(250, seed=2)}, H), seed=1)
    alone = panel_of({"A": noise_bars(300, seed=1)}, H)
    assert not np.allclose(control_panel(alone, seed=1).close, alone.close)

"""Members that come and go: each day's rows, ranks, market and benchmark are of that day's members, known by then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.features.daily import RANKED
from instruments.quant.membership import Stretch, Stretches, member_mask
from tests.training.quant.noise import noise_bars
from tests.training.quant.universe.ragged import panel_of, ragged
from training.quant.candle.spec import COST_BP
from training.quant.universe.exposure import exposures_of
from training.quant.universe.honest.train import fit_honest, honest_rows
from training.quant.universe.metrics import simulate_portfolios
from training.quant.universe.panel import COLUMNS, MODEL_FEATURES, Panel
from training.quant.universe.spec import WARM_UP

H, SHORT = 5, 1
MEMBERS = {**ragged(), **{f"M{number}": noise_bars(260, seed=20 + number) for number in range(6)}}
WHOLE = panel_of(MEMBERS, H, SHORT)
LAST = len(WHOLE.days) - 1


def day(place: int) -> int:
    return int(WHOLE.days[place])


COMING: dict[str, Stretches] = {
    "M0": (Stretch(None, day(150)),),  # leaves
    "M1": (Stretch(day(140), None),),  # joins, long after its first bar
    "M2": (Stretch(day(80), day(120)), Stretch(day(180), None)),  # comes back
    "M3": (Stretch(day(100), day(100)),),  # for one day
    "M4": (Stretch(None, day(110)),),
}
DATED = panel_of(MEMBERS, H, SHORT, membership=COMING)


def outcomes(panel: Panel, horizon: int) -> dict[tuple[str, int], tuple[float, int]]:
    """Of each row with one: the return, and the number of the day on which it is known."""
    forward = panel.forward[horizon]
    return {
        (panel.symbols[panel.instrument[row]], int(panel.days[panel.day[row]])): (
            float(forward.returns[row]),
            int(panel.days[forward.outcome[row]]),
        )
        for row in np.flatnonzero(forward.has_outcome)
    }


def test_rows_are_of_the_days_members_and_of_nobody_else() -> None:
    assert np.array_equal(DATED.days, WHOLE.days)
    of_all = {(s, d): row for row, (s, d) in enumerate(zip(WHOLE.instrument, WHOLE.days[WHOLE.day], strict=True))}
    expected = {
        (s, d)
        for s, d in of_all
        if member_mask(COMING.get(WHOLE.symbols[s], (Stretch(None, None),)), np.array([d])).any()
    }
    rows = list(zip(DATED.instrument, DATED.days[DATED.day], strict=True))
    assert set(rows) == expected and len(rows) == len(expected) < len(of_all)
    own = len(MODEL_FEATURES)
    assert all(
        DATED.features[k, :own].tobytes() == WHOLE.features[of_all[row], :own].tobytes() for k, row in enumerate(rows)
    )
    for name in RANKED:  # among those that are there
        column, values = COLUMNS.index(f"rank_{name}"), DATED.features[:, MODEL_FEATURES.index(name)]
        for place in (100, 120, 121, 160):
            today = np.flatnonzero(DATED.day == place)
            order = np.argsort(np.argsort(values[today]))
            assert np.allclose(DATED.features[today, column], (order + 0.5) / len(today), atol=0.5 / len(today) + 1e-6)


def test_who_leaves_has_no_more_rows_but_its_outcomes_come() -> None:
    for horizon in (H, SHORT):
        dated, whole = outcomes(DATED, horizon), outcomes(WHOLE, horizon)
        assert all(whole[key] == outcome for key, outcome in dated.items())
        last = max(day for symbol, day in dated if symbol == "M0")
        assert last == day(150) and dated["M0", last][1] == day(150 + horizon)


def test_membership_without_an_effect_is_none() -> None:
    assert panel_of(MEMBERS, H, SHORT).member is None
    everybody = panel_of(MEMBERS, H, SHORT, membership={"M0": (Stretch(None, day(LAST)),)})
    assert everybody.member is not None and everybody.member.all()
    for name in ("days", "open", "close", "traded", "day", "instrument", "features"):
        assert getattr(everybody, name).tobytes() == getattr(WHOLE, name).tobytes(), name
    made, plain = (exposures_of(panel.close, panel.traded, panel.member) for panel in (everybody, WHOLE))
    assert all(np.array_equal(getattr(made, name), values, equal_nan=True) for name, values in vars(plain).items())


def test_a_universe_that_begins_at_a_date_has_rows_once_deviations_are_known() -> None:
    begins = {symbol: (Stretch(day(100), None),) for symbol in MEMBERS}
    panel = panel_of(MEMBERS, H, SHORT, membership=begins)
    assert int(panel.days[0]) == day(100) and int(panel.day.min()) == WARM_UP
    exposures = exposures_of(panel.close, panel.traded, panel.member)
    assert not np.isnan(exposures.sigma[panel.day, panel.instrument]).any()


stretches = st.dictionaries(
    st.sampled_from([symbol for symbol in MEMBERS if symbol[0] in "MGE"]),
    st.tuples(st.integers(0, LAST), st.integers(0, 120)).map(
        lambda pair: (Stretch(day(pair[0]), day(min(LAST, pair[0] + pair[1]))),)
    ),
    max_size=8,
)


def other_future(membership: dict[str, Stretches], last: int, later: int) -> dict[str, Stretches]:
    """The same up to the day `last`: what lies after it is later by so many days."""
    moved = {}
    for symbol, ((start, end),) in membership.items():
        assert start is not None and end is not None
        moved[symbol] = (Stretch(start if start <= last else start + later, end if end < last else end + later),)
    return moved


@settings(max_examples=25)
@given(stretches, st.integers(WARM_UP + 5, LAST - 10), st.integers(1, 30))
def test_dates_after_a_day_change_nothing_up_to_it(membership: dict[str, Stretches], place: int, later: int) -> None:
    last = day(place)
    panel = panel_of(MEMBERS, H, SHORT, membership=membership)
    other = panel_of(MEMBERS, H, SHORT, membership=other_future(membership, last, later))
    stop = int(np.searchsorted(panel.days, last, side="right"))
    assert panel.days[:stop].tobytes() == other.days[:stop].tobytes()
    for one, two in zip(*(_up_to(each, last) for each in (panel, other)), strict=True):
        assert one == two
    own, theirs = (exposures_of(each.close, each.traded, each.member) for each in (panel, other))
    assert own.sigma[:stop].tobytes() == theirs.sigma[:stop].tobytes()
    assert own.beta[:stop].tobytes() == theirs.beta[:stop].tobytes()
    renewals = (stop + 19) // 20
    assert own.loadings[:renewals].tobytes() == theirs.loadings[:renewals].tobytes()


def _up_to(panel: Panel, last: int) -> list[object]:
    """Rows up to the day with their features, outcomes where known, and who trades as a member."""
    rows = np.flatnonzero(panel.days[panel.day] <= last)
    forward = panel.forward[H]
    until = int(np.searchsorted(panel.days, last, side="right")) - 1
    is_known = forward.outcome[rows] <= until
    return [
        panel.instrument[rows].tobytes(),
        panel.day[rows].tobytes(),
        panel.features[rows].tobytes(),
        is_known.tobytes(),
        forward.returns[rows][is_known].tobytes(),
        panel.present[: until + 1].tobytes(),
    ]


def test_a_model_fitted_on_a_day_knows_of_no_later_dates() -> None:
    place = 170
    other = panel_of(
        MEMBERS, H, SHORT, membership={**COMING, "M2": (COMING["M2"][0],), "M5": (Stretch(None, day(200)),)}
    )
    fits = [fit_honest(honest_rows(panel, H), until=place, with_trees=False, seed=42) for panel in (DATED, other)]
    assert all(fits[0].weights[h].tobytes() == fits[1].weights[h].tobytes() for h in fits[0].weights)


@pytest.mark.parametrize("horizon", [1, 5])
def test_always_buying_earns_what_equal_weight_of_the_days_members_earns(horizon: int) -> None:
    """Before costs of rebalancing differ: with a horizon of one day they are the same portfolio; with a longer one each
    day's members are held for it, whoever of them leaves."""
    plain = {symbol: bars for symbol, bars in MEMBERS.items() if symbol[0] == "M"}
    panel = panel_of(plain, horizon, membership=COMING)
    rows = np.arange(len(panel.day))
    made = simulate_portfolios(panel, rows, np.ones(len(rows), dtype=np.int64), horizon=horizon)
    first = int(panel.day.min())
    weights = np.zeros((len(panel.days), len(panel.symbols)))
    for place in range(first, len(panel.days) - 1):
        there = [
            j
            for j, symbol in enumerate(panel.symbols)
            if panel.traded[place, j]
            and member_mask(COMING.get(symbol, (Stretch(None, None),)), panel.days[place : place + 1]).any()
        ]
        weights[place, there] = 1.0 / len(there)
    daily = slow_returns(panel, weights, first)
    assert np.allclose(made.equal_weight.returns, daily, atol=1e-12)
    held = sum(np.vstack([np.zeros((age, weights.shape[1])), weights[: len(weights) - age]]) for age in range(horizon))
    assert np.allclose(made.long_only.returns, slow_returns(panel, held / horizon, first), atol=1e-12)
    if horizon == 1:
        assert np.array_equal(made.long_only.returns, made.equal_weight.returns)


def slow_returns(panel: Panel, weights: np.ndarray, first: int) -> list[float]:
    """Day by day and name by name, from the close of the day at place `first` on."""
    earned = []
    for place in range(first, len(panel.days) - 1):
        total = 0.0
        for j in range(len(panel.symbols)):
            before, now = (weights[place - 1, j] if place > first else 0.0), weights[place, j]
            total += before * (panel.open[place + 1, j] / panel.close[place, j] - 1.0)
            total += now * (panel.close[place + 1, j] / panel.open[place + 1, j] - 1.0)
            total -= COST_BP / 1e4 * abs(now - before)
        earned.append(total)
    return earned

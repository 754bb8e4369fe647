"""Made-up prices damaged, and repaired as proposed: they come out as they were."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from instruments.quant.health.checks import LABELS, find_flaws
from instruments.quant.health.flaws import Flaw
from instruments.quant.health.prices import SPLITS
from instruments.quant.health.repairs import REPAIRABLE, NoRepair, Repair, propose
from instruments.quant.health.subject import Subject
from tests.instruments.quant.test_health import DAY, N, at, market, scaled

CLOSES = ("open", "high", "low", "close", "adj_close")


def repaired(bars: Bars, check: str, **more: object) -> tuple[Bars, Repair]:
    """By the first finding of this check."""
    subject = Subject(bars, **more)  # type: ignore[arg-type]
    flaw = next(flaw for flaw in find_flaws(subject) if flaw.check == check)
    repair = propose(subject, flaw)
    return repair.after.where(~repair.removed), repair


def are_close(bars: Bars, original: Bars) -> bool:
    names = (*CLOSES, "volume")
    return all(np.allclose(getattr(bars, name), getattr(original, name), rtol=1e-9) for name in names)


@settings(max_examples=40, deadline=None)
@given(
    split=st.sampled_from([(2, 1), (3, 1), (3, 2), (5, 1), (10, 1), (1, 5)]),
    has_volume=st.booleans(),
    seed=st.integers(0, 20),
)
def test_bars_before_a_split_are_put_on_the_scale_of_those_after(
    split: tuple[int, int], has_volume: bool, seed: int
) -> None:
    n, m = split
    original = market(seed=seed)
    if abs(float(np.log(original.close[300] / original.close[299]))) > 0.02:
        return  # on a day of news it may pass for a jump
    broken = scaled(original, 0, 300, n / m)
    if has_volume:
        broken = replace(broken, volume=np.where(np.arange(N) < 300, broken.volume * m / n, broken.volume))
    bars, repair = repaired(broken, "split")
    assert are_close(bars, original) and "300 bars" in repair.text


def test_prices_as_traded_stay_where_the_adjusted_close_alone_lacks_a_split() -> None:
    traded = scaled(market(), 0, 300, 2.0)
    paid = np.where(np.arange(N) < 100, 0.99, 1.0)  # a dividend, so that adjusted closes are others
    bars, repair = repaired(replace(traded, adj_close=traded.close * paid), "split")
    assert np.array_equal(bars.close, traded.close) and np.array_equal(bars.volume, traded.volume)
    assert np.allclose(bars.adj_close, market().close * paid) and "prices as traded stay" in repair.text


def test_a_split_that_may_be_one_end_of_a_stretch_has_no_proposal() -> None:
    """The other end is on a day of news, so that it is told as a jump."""
    bars = scaled(scaled(market(), 0, 200, 2.0), 240, N, 2.6)
    subject = Subject(bars)
    flaw = next(flaw for flaw in find_flaws(subject) if flaw.check == "split")
    with pytest.raises(NoRepair, match="about as far the other way on"):
        propose(subject, flaw)


@settings(max_examples=40, deadline=None)
@given(ratio=st.sampled_from([0.5, 2.0, 0.25, 10.0, 0.01]), bars=st.integers(4, 200), seed=st.integers(0, 20))
def test_a_stretch_on_another_scale_is_put_back(ratio: float, bars: int, seed: int) -> None:
    original = market(seed=seed)
    moves = np.abs(np.diff(np.log(original.close)))
    start = 150
    if max(moves[start - 1], moves[start + bars - 1]) > 0.02:
        return
    check = "slip" if ratio in {10.0, 0.01} else "half_split"
    broken = scaled(original, start, start + bars, ratio)
    if check in {flaw.check for flaw in find_flaws(Subject(broken))}:  # news at an end may hide it
        assert are_close(repaired(broken, check)[0], original)


@pytest.mark.parametrize(
    "prices", [("high",), ("low",), ("open", "high"), ("close", "high"), ("open", "high", "low", "close")]
)
def test_a_slip_is_taken_back_in_the_prices_that_have_it(prices: tuple[str, ...]) -> None:
    original, factor = market(), 0.1 if prices == ("low",) else 10.0
    broken = at(original, 300, **{name: float(getattr(original, name)[300]) * factor for name in prices})
    bars, repair = repaired(broken, "slip")
    assert are_close(bars, original) and not repair.removed.any()


def test_half_of_a_bar_on_another_scale_is_put_back() -> None:
    original = market()
    broken = at(original, 300, **{name: float(getattr(original, name)[300]) / 2 for name in ("open", "low")})
    assert are_close(repaired(broken, "half_split")[0], original)


def test_bars_on_closed_days_and_outliers_are_taken_away() -> None:
    bars = market()
    sessions = np.delete(bars.time // DAY, [100, 101, 250])
    rest, repair = repaired(bars, "closed_days", sessions=sessions)
    assert len(rest) == N - 2 and repair.text == "2 bars taken away." and bars.time[100] not in rest.time
    outlier = at(bars, 300, close=float(bars.close[300]) * 1.37, high=float(bars.high[300]) * 1.4)
    rest, repair = repaired(outlier, "outlier")
    assert repair.removed.sum() == 1 and repair.removed[300] and len(rest) == N - 1


def test_what_nothing_in_the_bars_tells_has_no_proposal_but_says_what_helps() -> None:
    subject = Subject(market())
    for check in set(LABELS) - set(REPAIRABLE):
        with pytest.raises(NoRepair, match="Import"):
            propose(subject, Flaw(check, "bad", subject.bars.time[5:6], "", "Import them."))


def test_every_repaired_bar_is_sound() -> None:
    """As the database asks for it."""
    for seed in range(12):
        for n, m in SPLITS[::7]:
            broken = scaled(market(seed=seed), 250, 253, m / n)
            subject = Subject(broken)
            for flaw in find_flaws(subject):
                if flaw.check in REPAIRABLE and flaw.check != "split":
                    bars = propose(subject, flaw).after
                    assert (bars.low <= np.minimum(bars.open, bars.close)).all() and (bars.low > 0).all()
                    assert (bars.high >= np.maximum(bars.open, bars.close)).all()

"""What checks find in made-up prices with planted defects, and that they find nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from instruments.quant.health.agreement import DayCounts, agree_on_sessions, crowded_days
from instruments.quant.health.checks import CHECKS, LABELS, find_flaws
from instruments.quant.health.flaws import BAD, INFO, WARN, Flaw, runs_of, stretches
from instruments.quant.health.subject import SourceRange, Subject

DAY = 86_400
N = 600


def market(bars: int = N, *, seed: int = 1, daily: float = 0.012) -> Bars:
    """A random walk of fat-tailed weekday returns."""
    rng = np.random.default_rng(seed)
    days = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[D]").astype(np.int64)
    close = 50.0 * np.exp(np.cumsum(np.clip(rng.standard_t(5, bars), -6, 6) * daily * 0.77))
    open_ = close * np.exp(rng.normal(0, daily / 2, bars))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, daily / 3, bars)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, daily / 3, bars)))
    volume = rng.lognormal(14, 0.3, bars).round()
    return Bars(days * DAY, open_, high, low, close, volume, close)


def scaled(bars: Bars, start: int, stop: int, ratio: float) -> Bars:
    factor = np.ones(len(bars))
    factor[start:stop] = ratio
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close", "adj_close")}
    return replace(bars, **prices)


def at(bars: Bars, k: int, **values: float) -> Bars:
    changed = {name: getattr(bars, name).copy() for name in values}
    for name, value in values.items():
        changed[name][k] = value
    if "close" in changed:
        changed["adj_close"] = changed["close"]
    return replace(bars, **changed)


def flaws_of(bars: Bars, check: str = "", **more: object) -> list[Flaw]:
    return [flaw for flaw in find_flaws(Subject(bars, **more)) if not check or flaw.check == check]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(8))
def test_it_finds_nothing_in_a_market_without_defects(seed: int) -> None:
    bars = market(2000, seed=seed)
    assert flaws_of(bars, sessions=bars.time // DAY, newest=int(bars.time[-1]) // DAY) == []


def test_every_check_has_a_label_and_stands_empty_series() -> None:
    nothing = market().slice(0, 0)
    assert all(check(Subject(market().slice(0, 2))) == [] for check in CHECKS)
    assert find_flaws(Subject(nothing)) == find_flaws(Subject(market().slice(0, 1))) == []
    assert {"split", "slip", "frozen", "ended"} <= set(LABELS)


@example(split=(2, 1), k=185, seed=5)  # less than 2 %, and more than two usual moves
@settings(max_examples=60, deadline=None)
@given(
    split=st.sampled_from([(2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (10, 1), (1, 5), (1, 10)]),
    k=st.integers(60, N - 60),
    seed=st.integers(0, 30),
)
def test_it_finds_a_split_that_was_not_applied(split: tuple[int, int], k: int, seed: int) -> None:
    n, m = split
    bars = market(seed=seed)
    move = abs(float(np.log(bars.close[k] / bars.close[k - 1])))
    found = flaws_of(scaled(bars, 0, k, n / m))
    if move < min(0.02, 1.9 * Subject(bars).sigma[k]):  # on a day of news, two usual moves, it may pass for a jump
        assert [(flaw.check, flaw.severity, flaw.first) for flaw in found] == [("split", BAD, int(bars.time[k]))]
        assert found[0].figures["split"] == [n, m]
    assert all(flaw.first == int(bars.time[k]) for flaw in found)


def test_it_leaves_a_split_that_is_adjusted_or_on_record_or_of_the_whole_market() -> None:
    bars = scaled(market(), 0, 300, 2.0)
    assert flaws_of(bars, "split")
    assert flaws_of(replace(bars, adj_close=market().close)) == []
    here = np.arange(N) == 300
    assert flaws_of(bars, "split", splits=here) == flaws_of(bars, "split", peers_moved=here) == []


def test_a_fall_on_news_is_no_split() -> None:
    bars = market()
    crash = scaled(bars, 0, 300, 2.0)
    crowd = at(crash, 300, volume=float(bars.volume[300]) * 20)
    wide = at(crash, 300, high=float(bars.close[300]) * 1.2)
    for fallen in (crowd, wide):
        assert [(flaw.check, flaw.severity) for flaw in flaws_of(fallen)] == [("jump", WARN)]


def test_a_spin_off_is_never_a_split() -> None:
    """A price that goes to 0.8 or 0.56 times the one before on an ordinary day."""
    for ratio in (0.8, 0.56, 0.37):
        found = flaws_of(scaled(market(), 0, 300, 1 / ratio))
        assert [(flaw.check, flaw.severity) for flaw in found] == [("jump", WARN)]


@pytest.mark.parametrize(
    ("ratio", "check"), [(0.1, "slip"), (10.0, "slip"), (0.01, "slip"), (0.5, "half_split"), (0.71, "outlier")]
)
@pytest.mark.parametrize("bars_between", [1, 3])
def test_it_finds_bars_on_another_scale(ratio: float, check: str, bars_between: int) -> None:
    bars = market()
    found = flaws_of(scaled(bars, 300, 300 + bars_between, ratio))
    assert [(flaw.check, flaw.severity, flaw.count) for flaw in found] == [(check, BAD, bars_between)]
    assert found[0].first == int(bars.time[300])


def test_it_finds_a_long_stretch_on_the_scale_of_a_split() -> None:
    found = flaws_of(scaled(market(), 200, 320, 1 / 3))
    assert [(flaw.check, flaw.severity, flaw.count) for flaw in found] == [("half_split", BAD, 120)]


def test_it_finds_a_price_of_a_bar_that_slipped_or_was_split_alone() -> None:
    bars = market()
    low = at(bars, 300, low=float(bars.low[300]) / 10)
    assert [(flaw.check, flaw.severity, flaw.count) for flaw in flaws_of(low)] == [("slip", BAD, 1)]
    close = float(bars.close[300])
    half = at(bars, 300, open=close / 5, low=close / 5)
    assert [(flaw.check, flaw.severity) for flaw in flaws_of(half)] == [("half_split", BAD)]


def test_it_finds_missing_sessions_and_bars_on_closed_days() -> None:
    bars = market()
    days = bars.time // DAY
    gone = np.ones(N, dtype=np.bool_)
    gone[[100, 101, 400]] = False
    gone[500:506] = False
    missing = flaws_of(bars.where(gone), "missing_sessions", sessions=days)
    assert [(flaw.severity, flaw.count) for flaw in missing] == [(INFO, 2), (INFO, 1), (WARN, 6)]
    closed = flaws_of(bars, "closed_days", sessions=days[gone])
    assert [flaw.count for flaw in closed] == [2, 1, 6]
    assert flaws_of(bars, "missing_sessions") == flaws_of(bars, "closed_days") == []  # no calendar, no opinion


def test_it_finds_weekends_that_were_filled_forward_as_one_thing() -> None:
    bars = market()
    every = np.arange(bars.time[0] // DAY, bars.time[-1] // DAY + 1)
    place = np.searchsorted(bars.time, every * DAY, side="right") - 1
    filled = Bars(
        every * DAY, *(getattr(bars, name)[place] for name in ("open", "high", "low", "close", "volume", "adj_close"))
    )
    found = flaws_of(filled, sessions=bars.time // DAY)
    assert [(flaw.check, flaw.severity, flaw.count) for flaw in found] == [
        ("closed_days", WARN, len(every) - N),
        ("stale", INFO, len(every) - N),
    ]


def test_it_finds_stale_and_frozen_bars() -> None:
    bars = market()
    quiet = at(bars, 300, volume=0.0)
    assert [(flaw.check, flaw.severity, flaw.count) for flaw in flaws_of(quiet)] == [("stale", INFO, 1)]
    place = np.where((np.arange(N) >= 300) & (np.arange(N) < 306), 300, np.arange(N))
    names = ("open", "high", "low", "close", "volume", "adj_close")
    frozen = Bars(bars.time, *(getattr(bars, name)[place] for name in names))
    found = [(flaw.check, flaw.severity, flaw.count) for flaw in flaws_of(frozen)]
    assert ("frozen", WARN, 6) in found
    without = replace(bars, volume=np.zeros(N))
    assert flaws_of(without) == []  # a currency has no volume: that says nothing


def test_it_finds_an_adjustment_that_drifts() -> None:
    bars = market()
    dividends = np.cumprod(np.where(np.arange(N) % 63 == 62, 1.006, 1.0))
    sound = replace(bars, adj_close=bars.close * dividends / dividends[-1])
    assert flaws_of(sound) == []
    drifting = replace(bars, adj_close=bars.close * np.exp(np.random.default_rng(2).normal(0, 0.003, N)))
    assert [(flaw.check, flaw.severity) for flaw in flaws_of(drifting)] == [("adjustment_drift", WARN)]


def test_it_finds_sources_that_disagree_and_series_that_ended() -> None:
    bars = market()
    t = bars.time
    apart = [SourceRange("a", int(t[0]), int(t[299])), SourceRange("b", int(t[300]), int(t[-1]))]
    assert flaws_of(bars, sources=apart) == []
    found = flaws_of(scaled(bars, 0, 300, 1.13), "sources_disagree", sources=apart)
    assert [(flaw.severity, flaw.first) for flaw in found] == [(WARN, int(t[300]))]
    mixed = [SourceRange("a", int(t[0]), int(t[400])), SourceRange("b", int(t[300]), int(t[-1]))]
    assert [flaw.severity for flaw in flaws_of(bars, "sources_disagree", sources=mixed)] == [INFO]
    newest = int(t[-1]) // DAY
    assert flaws_of(bars, "ended", newest=newest + 5) == []
    assert [flaw.severity for flaw in flaws_of(bars, "ended", newest=newest + 30)] == [INFO]


def counted(days: list[np.ndarray], unusual: dict[int, int] | None = None) -> DayCounts:
    counts = DayCounts(min(int(each[0]) for each in days), max(int(each[-1]) for each in days))
    for number, each in enumerate(days):
        is_unusual = np.zeros(len(each), dtype=np.bool_)
        if unusual and number in unusual:
            is_unusual[unusual[number]] = True
        counts.add(each, is_unusual)
    return counts


def test_what_most_instruments_say_about_a_day_is_one_finding_of_the_calendar() -> None:
    sessions = np.arange(100, 200)
    without_120 = np.delete(np.arange(100, 200), 20)
    with_205 = np.append(without_120, [205, 210])
    agreement = agree_on_sessions("XNYS", sessions, counted([with_205] * 9 + [np.arange(100, 211)]))
    assert 120 not in agreement.sessions and {205} <= set(agreement.sessions.tolist())
    assert [(flaw.check, flaw.severity) for flaw in agreement.flaws] == [
        ("calendar_closed", WARN),
        ("calendar_open", WARN),
    ]
    few = agree_on_sessions("XNYS", sessions, counted([without_120] * 3))
    assert few.flaws == [] and np.array_equal(few.sessions, sessions)


def test_a_day_on_which_many_move_is_the_market() -> None:
    days = [np.arange(100, 200)] * 20
    assert crowded_days(counted(days, {0: 50, 1: 50, 2: 50})).tolist() == [150]
    assert crowded_days(counted(days, {0: 50, 1: 51, 2: 52})).tolist() == []


def test_stretches_and_runs() -> None:
    places = np.array([1, 2, 30, 31, 100])
    assert [each.tolist() for each in stretches(places)] == [[1, 2], [30, 31], [100]]
    assert len(stretches(np.arange(0, 3000, 100))) == 1
    assert [run.tolist() for run in runs_of(np.array([1, 1, 0, 1, 1, 1], dtype=np.bool_), 3)] == [[3, 4, 5]]

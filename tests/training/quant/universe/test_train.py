"""The stages of a universe run, each held against a slow independent computation."""

import numpy as np
import pytest
from scipy.stats import kurtosis, norm, skew, spearmanr

from instruments.quant.bars import Bars
from instruments.quant.features.daily import DAILY_FEATURES, RANKED, daily_features
from tests.training.quant.noise import noise_bars
from training.quant.stats.sharpe import excess_of
from training.quant.universe.metrics import buy_figures, classification_report, rank_ic, simulate_portfolios
from training.quant.universe.panel import (
    BUY,
    COLUMNS,
    HOLD,
    MODEL_FEATURES,
    SELL,
    Panel,
    TooLittle,
    classes,
    make_panel,
    split_panel,
)

H = 5


def _without(bars: Bars, gone: slice) -> Bars:
    return Bars(*(np.delete(column, gone) for column in vars(bars).values()))


def _panel(members: dict[str, Bars]) -> Panel:
    features = daily_features(list(members.values()))
    rows = [(symbol, bars, matrix) for (symbol, bars), matrix in zip(members.items(), features, strict=True)]
    return make_panel(rows, horizons=(H,), first_day=0)


@pytest.fixture(scope="module")
def members() -> dict[str, Bars]:
    """One of them lists late, one misses days."""
    return {
        "AAA": noise_bars(420, seed=1),
        "BBB": noise_bars(420, seed=2).slice(130, 420),
        "CCC": _without(noise_bars(420, seed=3), slice(300, 304)),
    }


def test_it_labels_by_the_instruments_own_trading_days(members: dict[str, Bars]) -> None:
    panel = _panel(members)
    for j, bars in enumerate(members.values()):
        mine = panel.instrument == j
        place = {int(t) // 86400: i for i, t in enumerate(bars.time)}
        for day, found, outcome in zip(panel.day[mine], panel.returns[mine], panel.outcome[mine], strict=True):
            i = place[int(panel.days[day])]
            if i + H < len(bars):
                assert found == bars.close[i + H] / bars.close[i] - 1
                assert panel.days[outcome] == bars.time[i + H] // 86400
            else:
                assert np.isnan(found) and outcome == len(panel.days)


def test_it_gives_models_nothing_to_learn_the_stretch_by_heart_from(members: dict[str, Bars]) -> None:
    panel = _panel(members)
    assert panel.features.shape == (len(panel.day), len(COLUMNS))
    windows = {one.name: one.window for one in DAILY_FEATURES}
    assert max(windows[name] for name in MODEL_FEATURES) <= 40 and set(RANKED) <= set(MODEL_FEATURES)
    assert all(len(np.unique(panel.features[panel.day == panel.day[-1], k])) > 1 for k in range(len(MODEL_FEATURES)))


def test_it_labels_the_same_whoever_stands_beside(members: dict[str, Bars]) -> None:
    whole, alone = _panel(dict(reversed(members.items()))), _panel({"BBB": members["BBB"]})
    mine = whole.instrument == whole.symbols.index("BBB")
    assert np.array_equal(whole.returns[mine], alone.returns, equal_nan=True)
    assert np.array_equal(whole.days[whole.day[mine]], alone.days[alone.day])
    assert np.array_equal(
        whole.features[mine][:, : len(MODEL_FEATURES)], alone.features[:, : len(MODEL_FEATURES)], equal_nan=True
    )


def test_it_classes_by_both_bounds() -> None:
    returns = np.array([0.05, 0.0499, 0.0, -0.0199, -0.02, 0.3])
    assert classes(returns, buy=0.05, sell=-0.02).tolist() == [BUY, HOLD, HOLD, HOLD, SELL, BUY]


def test_it_lets_no_outcome_into_a_later_part(members: dict[str, Bars]) -> None:
    panel = _panel(members)
    split = split_panel(panel, horizon=H, embargo=0)
    assert panel.outcome[split.train].max() <= panel.day[split.validation].min()
    assert panel.outcome[split.scored(panel, "validation")].max() <= panel.day[split.test].min()
    labelled = np.unique(panel.day[panel.has_outcome])
    assert split.boundaries["validation_first"] == labelled[int(0.70 * len(labelled))]
    assert split.boundaries["test_first"] == labelled[int(0.85 * len(labelled))]
    wider = split_panel(panel, horizon=H, embargo=3)
    assert wider.boundaries["train_last"] == split.boundaries["train_last"] - 3
    with pytest.raises(TooLittle, match="at least 740 are needed"):
        split_panel(panel, horizon=80, embargo=0)


def test_its_books_equal_a_slow_simulation(members: dict[str, Bars]) -> None:
    panel = _panel(members)
    rows = split_panel(panel, horizon=H, embargo=0).test
    signals = np.random.default_rng(1).integers(-1, 2, len(rows))
    found = simulate_portfolios(panel, rows, signals, horizon=H)
    first, last = int(panel.day[rows].min()), len(panel.days) - 2  # nothing is traded after the last day
    said = {(int(panel.day[r]), int(panel.instrument[r])): int(s) for r, s in zip(rows, signals, strict=True)}
    before, returns = [0.0] * 3, []
    for t in range(first, last + 1):
        weights = []
        for j in range(3):
            held = [
                said.get((t - age, j), 0) / int(panel.traded[t - age].sum()) for age in range(H) if t - age >= first
            ]
            weights.append(sum(held) / H)
        earned = 0.0
        for j in range(3):
            o, c, c0 = panel.open[t + 1, j], panel.close[t + 1, j], panel.close[t, j]
            earned += before[j] * (o / c0 - 1) + weights[j] * (c / o - 1) - 5e-4 * abs(weights[j] - before[j])
        returns.append(earned)
        before = weights
    np.testing.assert_allclose(found.long_short.returns, returns, rtol=0, atol=1e-12)
    assert found.long_short.sharpe == pytest.approx(np.mean(returns) / np.std(returns, ddof=1) * np.sqrt(252), abs=1e-9)


def test_its_p_value_is_that_of_the_probabilistic_sharpe_ratio() -> None:
    returns = np.random.default_rng(2).standard_t(4, 300) * 0.01 + 0.001
    ratio = returns.mean() / returns.std(ddof=1)
    spread = np.sqrt(1 - skew(returns) * ratio + (kurtosis(returns, fisher=False) - 1) / 4 * ratio**2)
    found = excess_of(returns, bars_a_year=252)
    assert found.p_value == pytest.approx(norm.sf(ratio * np.sqrt(299) / spread))
    assert found.sharpe == pytest.approx(ratio * np.sqrt(252))
    assert excess_of(np.zeros(50), bars_a_year=252).p_value is None


def test_its_rank_ic_is_spearmans_of_each_day() -> None:
    rng = np.random.default_rng(4)
    day, a, b = np.repeat(np.arange(8), 12), rng.integers(0, 6, 96).astype(float), rng.normal(size=96)
    expected = [spearmanr(a[day == d], b[day == d]).statistic for d in range(8)]
    np.testing.assert_allclose(rank_ic(day, a, b), expected, atol=1e-12)


def test_it_holds_buys_against_the_same_days() -> None:
    day = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    bought = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
    hit = np.array([1, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    figures = buy_figures(day, bought, hit, horizon=1)
    assert figures["precision"] == pytest.approx(2 / 3) and figures["base_rate"] == pytest.approx((0.25 * 2 + 1) / 3)
    assert figures["lift"] == pytest.approx(figures["precision"] - figures["base_rate"])
    assert figures["lift_interval"] is None  # two days are one stretch
    assert buy_figures(day, np.zeros(8, dtype=bool), hit, horizon=1)["precision"] is None


def test_it_reports_every_class() -> None:
    said = classification_report(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 1]))
    assert said["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert said["by_class"]["HOLD"] == {"precision": 1 / 3, "recall": 1.0, "f1": 0.5, "support": 1, "said": 3}
    assert said["by_class"]["BUY"]["precision"] == 1.0

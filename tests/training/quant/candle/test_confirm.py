"""Walk-forward confirmation: each window trained only on its own past; few windows are used and said."""

from dataclasses import replace

import numpy as np
import pytest

from instruments.quant.bars import Bars
from tests.training.quant.candle.test_train import spec_at, train
from tests.training.quant.noise import noise_bars
from training.quant.candle.confirm import Confirmation, confirm_candle
from training.quant.candle.noise_control import control_candle
from training.quant.labels import up_label
from training.quant.stats.classification import percentile_rank

DECISION = 1100


def confirmed(bars: Bars, decision: int = DECISION, **more: object) -> Confirmation:
    return confirm_candle(bars, decision=decision, spec=spec_at(bars, decision, **more), on_window=lambda *_: None)


def test_it_walks_ten_steps_back_and_ends_with_the_runs_own_window() -> None:
    bars = noise_bars(1136)
    found = confirmed(bars)
    assert [w.decision for w in found.windows] == [int(bars.time[DECISION - 35 * k]) for k in range(10, -1, -1)]
    assert found.pooled is not None
    assert (found.pooled.rows, found.pooled.windows) == (385, 11)
    own = train(bars, DECISION)
    assert np.array_equal(found.windows[-1].probability, own.test_probability)


@pytest.mark.parametrize("protocol", ["honest", "poc"])
def test_it_counts_what_the_model_of_each_window_predicted_up(protocol: str) -> None:
    bars = noise_bars(1136)
    found, own = confirmed(bars, protocol=protocol), train(bars, DECISION, protocol=protocol)
    assert own.evidence is not None and found.pooled is not None and found.logistic is not None
    assert own.evidence.predicted_up == int((own.test_probability >= own.threshold).sum())
    assert found.windows[-1].predicted_up == own.evidence.predicted_up
    assert found.pooled.predicted_up == sum(window.predicted_up for window in found.windows)
    assert found.logistic.predicted_up is None


def test_it_trains_each_window_on_its_own_past_alone() -> None:
    bars, other = noise_bars(1136), noise_bars(1136, seed=9)
    cut = DECISION - 35 * 4 + 1  # everything after the fifth window's decision is another history
    changed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    one, two = confirmed(bars), confirmed(changed)
    for k in range(6):
        assert np.array_equal(one.windows[k].probability, two.windows[k].probability)
    assert one.windows[6].probability[0] == two.windows[6].probability[0]
    assert not np.array_equal(one.windows[7].probability, two.windows[7].probability)


def test_it_tiles_the_candles_that_moved() -> None:
    close = noise_bars(1136).close.copy()
    for t in (850, 851, 900, 1050, DECISION, DECISION + 1, DECISION + 10):
        close[t] = close[t - 1]
    bars = replace(noise_bars(1139), close=np.append(close, close[-1] * np.array([1.01, 1.02, 1.03])))
    rows = np.flatnonzero(~np.isnan(up_label(bars.close)))
    own = int(np.searchsorted(rows, DECISION))
    assert (
        own == DECISION - 5
    )  # row t has no outcome where bar t + 1 is unmoved; the decision's own row has none either
    windows = confirmed(bars).windows
    assert [len(w.labels) for w in windows] == [35] * 11
    assert [w.decision for w in windows[:-1]] == [int(bars.time[rows[own - 35 * k]]) for k in range(10, 0, -1)]
    assert windows[-1].decision == bars.time[DECISION]
    whole = np.concatenate([w.labels for w in windows])
    assert np.array_equal(whole, up_label(bars.close)[rows[own - 350 : own + 35]])


def test_it_uses_fewer_windows_where_history_is_short() -> None:
    found = confirmed(noise_bars(400), 300)
    assert [len(w.labels) for w in found.windows] == [35] * 4
    assert found.pooled is not None and found.pooled.rows == 140


def test_it_judges_a_live_run_by_the_steps_before_it() -> None:
    found = confirmed(noise_bars(DECISION + 3), live=True)
    assert len(found.windows) == 10
    assert found.pooled is not None and found.pooled.rows == 350


@pytest.mark.slow
def test_it_finds_a_planted_signal_and_sets_logistic_regression_beside_it() -> None:
    found = confirmed(noise_bars(1136, planted=1.5))
    assert found.pooled is not None and found.pooled.p_value < 0.001
    assert found.logistic is not None and found.logistic.p_value < 0.001


def test_it_gives_nothing_to_rank_where_every_window_has_one_class() -> None:
    bars = noise_bars(300)
    found = confirmed(bars.slice(0, 150), 120)
    assert found.windows == [] and found.pooled is None


def test_it_pools_by_standing_among_the_training_rows() -> None:
    assert percentile_rank(np.array([0.0, 0.5, 2.0]), np.array([1.0, 0.5, 0.5, 0.1])).tolist() == [0.0, 0.5, 1.0]
    found = confirmed(noise_bars(1136))
    assert all(((w.percentile_rank >= 0) & (w.percentile_rank <= 1)).all() for w in found.windows)


@pytest.mark.slow
def test_it_sets_the_run_among_runs_on_rotated_labels() -> None:
    def control(planted: float) -> float:
        bars = noise_bars(1136, planted=planted, seed=4)
        spec = spec_at(bars, DECISION - 60, test_window_size=90)
        found = control_candle(bars, decision=DECISION - 60, spec=spec, on_draw=lambda *_: None)
        assert found is not None and len(found.rotated) == 30
        assert np.mean(found.rotated) == pytest.approx(0.5, abs=0.06)
        return found.share

    assert control(1.5) == 0.0
    assert control(0.0) > 0.03

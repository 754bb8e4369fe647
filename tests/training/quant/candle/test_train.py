"""The recipe as a whole: no look into the future, the same bits every time, no skill where there is none."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from instruments.quant.bars import Bars
from tests.training.quant.noise import noise_bars
from training.artifacts.storage import sha256
from training.quant.candle.export import json_bytes, manifest
from training.quant.candle.model import MANIFEST, MODEL, Integrity, read_model
from training.quant.candle.plan import NotTrainable, plan_candle
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.labels import up_label

DECISION = 900


def spec_at(bars: Bars, decision: int = DECISION, **more: object) -> CandleSpec:
    candle = format_time(datetime.fromtimestamp(int(bars.time[decision]), tz=UTC))
    return CandleSpec(candle=candle, symbol="NOISE", **more)  # type: ignore[arg-type]


def train(bars: Bars, decision: int = DECISION, **more: object) -> CandleOutcome:
    spec = spec_at(bars, decision, **more)
    return train_candle(bars, decision=decision, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)


@pytest.mark.parametrize("protocol", ["honest", "poc"])
def test_it_makes_the_same_model_from_the_same_data(protocol: str) -> None:
    feature_set = {"honest": "scale_free", "poc": "poc16"}[protocol]
    first, second = (train(noise_bars(1000), protocol=protocol, feature_set=feature_set) for _ in range(2))
    assert first.final.text() == second.final.text()
    assert first.evidence == second.evidence


def test_it_makes_the_same_model_whatever_comes_after_the_decision() -> None:
    bars, other = noise_bars(1000, seed=1), noise_bars(1000, seed=2)
    cut = DECISION + 1
    changed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    one, two = train(bars), train(changed)
    assert one.final.text() == two.final.text()
    assert one.threshold == two.threshold
    assert one.test_probability[0] == two.test_probability[0]  # decided at the selected candle's close
    assert one.test != two.test


def test_it_tests_exactly_the_candles_after_the_selected_one() -> None:
    bars = noise_bars(1000)
    split = train(bars, test_window_size=20).plan.split
    assert split.test == range(DECISION, DECISION + 20)
    assert split.train.stop == DECISION
    assert np.isnan(up_label(bars.close)[-1])


def test_it_finds_a_planted_signal_and_none_in_noise() -> None:
    found = train(noise_bars(1000, planted=1.5), test_window_size=90)
    assert found.test is not None and found.test.auc is not None and found.test.auc > 0.65
    assert found.evidence is not None and found.evidence.p_value < 0.01
    aucs = [train(noise_bars(1000, seed=seed), test_window_size=90).test for seed in range(12)]
    mean = np.mean([metrics.auc for metrics in aucs if metrics is not None])
    assert abs(mean - 0.5) < 0.06  # 12 windows of 90: 3.4 standard errors


def test_it_trains_live_without_a_test_window() -> None:
    outcome = train(noise_bars(DECISION + 5), live=True)
    assert outcome.test is None and outcome.strategy is None and len(outcome.test_probability) == 0
    assert outcome.evidence is None


def test_it_refuses_what_would_not_do_and_says_why() -> None:
    def problem(bars: Bars, decision: int, **more: object) -> str:
        return plan_candle(bars, decision=decision, spec=spec_at(bars, decision, **more)).problem

    bars = noise_bars(1000)
    assert "Too little history: 71 candles" in problem(bars, 150)
    assert problem(bars, 179) == ""
    assert "Too few candles after this one: there are 34, the test window needs 35" in problem(bars, 965)
    assert problem(bars, 965, live=True) == ""
    rising = replace(bars, close=np.linspace(50, 90, 1000))
    assert "went up and 0 did not" in problem(rising, 900)
    weekly = replace(bars, time=bars.time[0] + np.arange(1000) * 7 * 86_400)
    assert "Choose a longer training period" in problem(weekly, 900, train_years=1.0, timeframe="1w")
    with pytest.raises(NotTrainable, match="Too little history"):
        train(bars, 150)


def test_it_reads_its_own_model_back_to_the_bit_and_refuses_a_changed_file() -> None:
    bars = noise_bars(1000)
    spec, outcome = spec_at(bars), train(bars)
    files = {MODEL: outcome.final.text(), MANIFEST: json_bytes(manifest(outcome, spec, hashes={}))}
    expected = {name: sha256(content) for name, content in files.items()}
    model = read_model(files, expected)
    rows = np.random.default_rng(0).normal(size=(50, 16))
    assert np.array_equal(model.probability(rows), outcome.final.probability(rows))
    rows[3, 5] = np.nan
    assert np.isnan(model.probability(rows)[3])
    for name, content in files.items():
        broken = {**files, name: content.replace(b"1", b"2", 1)}
        with pytest.raises(Integrity, match="has changed"):
            read_model(broken, expected)


def test_it_labels_by_the_instruments_own_future_and_drops_the_unknown() -> None:
    close = np.array([1.0, 2.0, 2.0, 1.0, 3.0])
    assert up_label(close)[[0, 2, 3]].tolist() == [1, 0, 1]
    assert np.isnan(up_label(close)[[1, 4]]).all()  # unmoved, and not known yet
    assert up_label(close, keep_unmoved=True)[:4].tolist() == [1, 0, 0, 1]

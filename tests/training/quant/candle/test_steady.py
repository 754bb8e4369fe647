"""The protocol `steady`: everything fixed, nothing held out. PROTOCOL §2."""

from datetime import UTC, datetime

import lightgbm
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from instruments.quant.features.candle import feature_matrix
from tests.training.quant.noise import noise_bars
from training.quant.candle.confirm import confirm_candle
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import RANGES, STEADY, CandleSpec, SpecError, format_time
from training.quant.candle.train import threshold_of, train_candle
from training.quant.labels import up_label

BODY = {"candle_date": "2003-06-16", "symbol": "NOISE", "protocol": "steady"}


def test_it_makes_the_trees_that_the_protocol_names() -> None:
    bars = noise_bars(1000, planted=0.5)
    spec = CandleSpec(
        candle=format_time(datetime.fromtimestamp(int(bars.time[900]), tz=UTC)),
        symbol="NOISE",
        protocol="steady",
        **STEADY,  # type: ignore[arg-type]
    )
    outcome = train_candle(bars, decision=900, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)
    split = outcome.plan.split
    assert not split.validation and outcome.validation is None and outcome.validated is None
    assert split.train == split.fit and split.train[-1] == 899

    features, labels = feature_matrix(bars, name="scale_free", timeframe="1d"), up_label(bars.close)
    train, test = (slice(part.start, part.stop) for part in (split.train, split.test))
    scaler = StandardScaler().fit(features[train])
    params = {
        "objective": "binary", "num_leaves": 8, "max_depth": 3, "min_data_in_leaf": 60, "lambda_l2": 10,
        "feature_fraction": 0.5, "learning_rate": 0.05, "seed": 42, "num_threads": 1, "deterministic": True,
        "force_col_wise": True, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(params, lightgbm.Dataset(scaler.transform(features[train]), labels[train]), 40)
    np.testing.assert_array_equal(outcome.test_probability, booster.predict(scaler.transform(features[test])))
    assert outcome.threshold == round(labels[train].mean(), 2)


@pytest.mark.parametrize(
    ("ups", "rows", "threshold"),
    [(535, 1000, 0.54), (534, 1000, 0.53), (1, 200, 0.3), (190, 200, 0.7), (109, 200, 0.55), (111, 200, 0.56)],
)
def test_its_threshold_is_the_base_rate_on_the_grid_ties_up(ups: int, rows: int, threshold: float) -> None:
    labels = np.repeat([1.0, 0.0], [ups, rows - ups])
    assert threshold_of(parse_candle_spec(BODY), train=(labels, labels), validation=None) == threshold


def test_its_confirmation_has_a_logistic_regression_that_is_held_back_too() -> None:
    bars = noise_bars(1000)
    candle = format_time(datetime.fromtimestamp(int(bars.time[900]), tz=UTC))
    steady, plain = (
        confirm_candle(
            bars,
            decision=900,
            spec=parse_candle_spec({**BODY, "candle_date": candle, "protocol": protocol, "train_years": 1.0}),
            on_window=lambda *_: None,
        )
        for protocol in ("steady", "honest")
    )
    assert [window.decision for window in steady.windows] == [window.decision for window in plain.windows]
    assert steady.logistic and plain.logistic and steady.logistic.auc != plain.logistic.auc


def test_it_takes_its_own_settings_and_no_others() -> None:
    spec = parse_candle_spec({**BODY, "params": {**STEADY}, "feature_set": "scale_free", "train_years": 2})
    assert spec == parse_candle_spec({**BODY, "train_years": 2.0})
    assert {name: getattr(spec, name) for name in STEADY} == STEADY
    assert set(STEADY) == {name for name, setting in RANGES.items() if setting.in_params}


@pytest.mark.parametrize("change", [{"params": {"num_leaves": 31}}, {"params": {"max_depth": True}},
                                    {"feature_set": "poc16"}, {"params": {"learning_rate": "0.05"}}])  # fmt: skip
def test_it_refuses_what_would_not_be_steady(change: dict[str, object]) -> None:
    with pytest.raises(SpecError) as refused:
        parse_candle_spec({**BODY, **change})
    (name,) = refused.value.errors
    assert name in {"num_leaves", "max_depth", "feature_set", "learning_rate"}

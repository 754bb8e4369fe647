"""What a configuration is worth to a study, held against LightGBM's plain calls."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from tests.training.quant.search.test_plan import BARS, DECISION, planned, spec_at
from training.quant.candle.spec import CandleSpec
from training.quant.labels import up_label
from training.quant.search.score import Score, Scorer

CHOSEN = {"learning_rate": 0.15, "num_leaves": 4, "lambda_l2": 5.0, "columns": 0.5, "min_child_samples": 40}


def scored(bars: Bars = BARS, *, rotated: bool = False, **params: object) -> Score:
    spec = spec_at(bars, DECISION)
    scorer = Scorer(bars, plan=planned(bars), spec=spec, rotated=rotated)
    return scorer.score(replace(spec, **params))  # type: ignore[arg-type]


def slowly(spec: CandleSpec, *, rounds: int | None = None) -> tuple[int, np.ndarray, np.ndarray]:
    """Rounds, probabilities and labels of all folds: datasets, scalers and models of each fold and round anew."""
    plan = planned()
    features = feature_matrix(BARS, name=spec.feature_set, timeframe="1d")[plan.rows]
    labels = up_label(BARS.close)[plan.rows]
    params = {
        "objective": "binary",
        "learning_rate": spec.learning_rate,
        "num_leaves": spec.num_leaves,
        "max_depth": spec.max_depth,
        "min_data_in_leaf": spec.min_child_samples,
        "lambda_l2": spec.lambda_l2 or 0.0,
        "feature_fraction": spec.columns or 1.0,
        "seed": 42,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    by_round, all_labels = [], []
    for fold in plan.folds:
        fit, held_out = (slice(part.start, part.stop) for part in (fold.fit, fold.held_out))
        scaler = StandardScaler().fit(features[fit])
        data = lightgbm.Dataset(scaler.transform(features[fit]), labels[fit], params=params)
        booster = lightgbm.train(params, data, rounds or 200)
        x = scaler.transform(features[held_out])
        by_round.append([booster.predict(x, num_iteration=n) for n in range(1, (rounds or 200) + 1)])
        all_labels.append(labels[held_out])
    probability, y = np.concatenate(by_round, axis=1), np.concatenate(all_labels)
    best = len(probability) if rounds else 1 + int(np.argmin([log_loss(y, p) for p in probability]))
    return best, probability[best - 1], y


@pytest.mark.slow
@pytest.mark.parametrize("params", [CHOSEN, {"rounds": 7}])
def test_it_is_the_pooled_log_loss_of_plain_fits_at_the_best_round(params: dict[str, object]) -> None:
    score = scored(**params)
    spec = replace(spec_at(BARS, DECISION), **params)  # type: ignore[arg-type]
    rounds, probability, y = slowly(spec, rounds=spec.rounds)
    assert score.rounds == rounds
    assert score.log_loss == pytest.approx(log_loss(y, probability), abs=1e-12)
    assert score.auc == pytest.approx(roc_auc_score(y, probability))
    assert score.losses.mean() == score.log_loss and len(score.losses) == sum(fold.rows for fold in score.folds)
    first = slice(0, score.folds[0].rows)
    assert score.folds[0].log_loss == pytest.approx(log_loss(y[first], probability[first]), abs=1e-12)
    assert score.folds[0].auc == pytest.approx(roc_auc_score(y[first], probability[first]))


def test_steady_has_its_own_features_parameters_and_rounds() -> None:
    spec = spec_at(BARS, DECISION, protocol="poc", feature_set="poc16", num_leaves=63)
    scorer = Scorer(BARS, plan=planned(protocol="poc", feature_set="poc16"), spec=spec)
    steady = replace(
        spec_at(BARS, DECISION), num_leaves=8, max_depth=3, min_child_samples=60, lambda_l2=10.0, columns=0.5
    )
    rounds, probability, y = slowly(steady, rounds=40)
    assert scorer.steady().rounds == rounds == 40
    assert scorer.steady().log_loss == pytest.approx(log_loss(y, probability), abs=1e-12)
    assert len(scorer.steady().losses) == len(scorer.score(spec).losses)


def test_it_looks_at_nothing_after_what_it_has_seen() -> None:
    plan = planned()
    after = {name: getattr(BARS, name).copy() for name in vars(BARS)}
    for name in ("open", "high", "low", "close", "adj_close"):
        after[name][plan.decision + 1 :] *= np.random.default_rng(0).uniform(1, 2, len(BARS) - plan.decision - 1)
    after["volume"][plan.decision + 1 :] += 1e6
    changed = Bars(**after)
    assert planned(changed).train == plan.train
    assert np.array_equal(scored(changed, **CHOSEN).losses, scored(**CHOSEN).losses)


def test_rotated_labels_are_the_same_ones_at_other_rows() -> None:
    plan, spec = planned(), spec_at(BARS, DECISION)
    scorer = Scorer(BARS, plan=plan, spec=spec, rotated=True)
    rows = slice(plan.train.start, plan.train.stop)
    real = up_label(BARS.close)[plan.rows][rows]
    distances = [d for d in range(20, len(real) - 20) if np.array_equal(np.roll(real, d), scorer.labels[rows])]
    assert len(distances) == 1
    assert scored(rotated=True).log_loss == scored(rotated=True).log_loss != scored().log_loss

"""What one configuration is worth to a study: its log-loss over purged, expanding folds. PROTOCOL §7.2.

Features, scaler and bins are made once a fold; a trial fits trees on them, and is judged at every round at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.fit import STEADY_ROUNDS, tree_params
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import DEFAULT_FEATURE_SET, STEADY, CandleSpec
from training.quant.search.plan import StudyPlan
from training.quant.stats.classification import auc_of_ranks, midranks

Floats = NDArray[np.float64]
MOST_ROUNDS = 200
NEAREST = 20  # rows: a smaller rotation would leave neighbours that resemble each other
_SURE = 1e-15  # a probability no nearer to 0 or 1 than this, as in all log-losses here


@dataclass(frozen=True)
class FoldScore:
    """`auc` is None where all its rows went the same way, which only rotated labels can."""

    rows: int
    log_loss: float
    auc: float | None


@dataclass(frozen=True)
class Score:
    """`rounds`: where the pooled log-loss is least, the first of equal ones; all figures are of so many rounds.
    `losses`: (n,) of each row, the folds one after the other; `log_loss` is their mean."""

    rounds: int
    log_loss: float
    auc: float | None
    folds: tuple[FoldScore, ...]
    losses: Floats


@dataclass(frozen=True)
class _Fold:
    training: lightgbm.Dataset
    held_out: lightgbm.Dataset
    labels: Floats


class Scorer:
    """Scores configurations on the folds of one study; deterministic, one thread."""

    def __init__(self, bars: Bars, *, plan: StudyPlan, spec: CandleSpec, rotated: bool = False) -> None:
        """`bars` as `plan_study` had them; later ones than the plan's decision are not looked at. `rotated`: labels are
        rotated in time by a distance that `spec.seed` draws, so that no feature can foretell them."""
        self.bars, self.plan, self.spec = bars.slice(0, plan.decision + 1), plan, spec
        rows = slice(plan.train.start, plan.train.stop)
        self.labels = candle_label(self.bars, spec)[plan.rows[: plan.train.stop]]
        if rotated:
            distance = np.random.default_rng(spec.seed).integers(NEAREST, len(plan.train) - NEAREST)
            self.labels[rows] = np.roll(self.labels[rows], int(distance))
        self._folds: dict[str, tuple[_Fold, ...]] = {}

    def score(self, spec: CandleSpec) -> Score:
        """Of the trees that `spec` asks for; its rounds, or those of `steady`, are kept, others looked for from 1 to
        200. Raises lightgbm.basic.LightGBMError for what can't be fitted."""
        folds = self._folds_of(spec.feature_set)
        fixed = STEADY_ROUNDS if spec.protocol == "steady" else spec.rounds
        params = {**tree_params(spec), "metric": "None"}
        by_round = np.concatenate([_probabilities(fold, params, fixed or MOST_ROUNDS) for fold in folds], axis=1)
        up = np.concatenate([fold.labels for fold in folds]) == 1
        losses = -np.log(np.clip(np.where(up, by_round, 1.0 - by_round), _SURE, None))
        best = len(losses) - 1 if fixed else int(np.argmin(losses.mean(axis=1)))
        return _score_of(best + 1, up, by_round[best], losses[best], [len(fold.labels) for fold in folds])

    def steady(self) -> Score:
        """Of `steady` as a whole protocol: its own features, parameters and rounds."""
        return self.score(steady_spec(self.spec))

    def _folds_of(self, feature_set: str) -> tuple[_Fold, ...]:
        if feature_set not in self._folds:
            features = feature_matrix(self.bars, name=feature_set, timeframe=self.spec.timeframe)
            features = features[self.plan.rows[: self.plan.train.stop]]
            self._folds[feature_set] = tuple(self._fold(features, fold.fit, fold.held_out) for fold in self.plan.folds)
        return self._folds[feature_set]

    def _fold(self, features: Floats, fit: range, held_out: range) -> _Fold:
        """`steady` may need a longer warm-up than the spec's own features: rows without all of them don't train."""
        defined = fit.start + np.flatnonzero(~np.isnan(features[fit.start : fit.stop]).any(axis=1))
        features_out, labels_out = (values[held_out.start : held_out.stop] for values in (features, self.labels))
        scaler = StandardScaler().fit(features[defined])
        # Bins serve trials of any min_child_samples: so no column is dropped for one that none of them has.
        params = {**tree_params(self.spec), "feature_pre_filter": False}
        training = lightgbm.Dataset(scaler.transform(features[defined]), self.labels[defined], params=params)
        validation = training.create_valid(scaler.transform(features_out), labels_out, params=params)
        return _Fold(training.construct(), validation.construct(), labels_out)


def steady_spec(spec: CandleSpec) -> CandleSpec:
    """The same run by the protocol `steady`."""
    none: dict[str, Any] = {"lambda_l2": None, "columns": None, "rounds": None}
    own: dict[str, Any] = {**STEADY, **none, "feature_set": DEFAULT_FEATURE_SET["steady"]}
    return replace(spec, protocol="steady", model="lightgbm", **own)


def _probabilities(fold: _Fold, params: dict[str, Any], rounds: int) -> Floats:
    """P(class 1) of the held-out rows after each round: (rounds, n). LightGBM keeps their margins as it goes, so that
    no tree is walked twice."""
    booster = lightgbm.Booster(params={**params, "feature_pre_filter": False}, train_set=fold.training)
    booster.add_valid(fold.held_out, "held out")
    by_round = np.empty((rounds, len(fold.labels)))
    number = 0

    def keep(probability: Floats, _: lightgbm.Dataset) -> tuple[str, float, bool]:
        by_round[number] = probability
        return "", 0.0, False

    for number in range(rounds):  # noqa: B007 - `keep` reads it
        booster.update()
        booster.eval_valid(keep)
    return by_round


def _score_of(rounds: int, up: NDArray[np.bool_], probability: Floats, losses: Floats, sizes: Sequence[int]) -> Score:
    stops = np.cumsum(sizes)
    parts = [slice(stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]
    return Score(
        rounds=rounds,
        log_loss=float(losses.mean()),
        auc=_auc(up, probability),
        folds=tuple(
            FoldScore(size, float(losses[part].mean()), _auc(up[part], probability[part]))
            for part, size in zip(parts, sizes, strict=True)
        ),
        losses=losses,
    )


def _auc(up: NDArray[np.bool_], probability: Floats) -> float | None:
    return None if up.all() or not up.any() else float(auc_of_ranks(midranks(probability), up))

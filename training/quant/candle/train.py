"""The recipe of a candle run: its stages in order, on one screen. PROTOCOL §1 to §3.

`plan_candle` says what a click would use, before anything is fitted; `train_candle` does it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Seconds
from instruments.quant.calendars import TradingYear
from instruments.quant.features.candle import feature_matrix, feature_set
from training.quant.candle.fit import (
    STEADY_ROUNDS,
    Fitted,
    FittedLogistic,
    Stopped,
    fit_logistic,
    fit_rounds,
    fit_until_it_stops,
)
from training.quant.candle.outcomes import candle_label, follow
from training.quant.candle.plan import NO_STALE, CandlePlan, plan_candle
from training.quant.candle.spec import CandleSpec
from training.quant.candle.split import CandleSplit
from training.quant.candle.verdict import Evidence
from training.quant.stats.backtest import Performance, bars_a_year
from training.quant.stats.classification import Metrics, auc_with_interval, best_f1_threshold, evaluate
from training.quant.stats.significance import permutation_test

Floats = NDArray[np.float64]
Number = TypeVar("Number", np.float64, np.int64)
OnStage = Callable[[str, float, str], None]  # (stage, progress 0…1, message)
THRESHOLD_GRID = {"honest": (40, 60), "poc": (30, 80), "steady": (30, 70)}  # percent


Validated = Stopped | FittedLogistic
Final = Fitted | FittedLogistic


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How a model did on the rows of its plan. `test_probability`: of each bar of the plan's span, also of those
    without an outcome; empty for a live run."""

    plan: CandlePlan
    columns: tuple[str, ...]
    threshold: float
    train: Metrics
    validation: Metrics | None
    test: Metrics | None
    evidence: Evidence | None  # None for a live run, and where the test window has one class
    test_probability: Floats
    strategy: Performance | None
    buy_and_hold: Performance | None
    bars_a_year: float


@dataclass(frozen=True, kw_only=True)
class CandleOutcome(Judged):
    """Everything that a candle run found. With `steady` no row validates."""

    validated: Validated | None  # fitted without the validation rows, judged by them; gives trees their rounds
    final: Final  # the model that is kept
    features: Floats  # of the plan's rows, (r, k)
    feature_range: tuple[Floats, Floats]  # lowest and highest of each feature over the train rows


def train_candle(
    bars: Bars,
    *,
    decision: int,
    spec: CandleSpec,
    on_stage: OnStage,
    on_round: Callable[[int, float], None],
    stale_time: Seconds = NO_STALE,
    year: TradingYear | None = None,
) -> CandleOutcome:
    """Train as of bar `decision` and judge on the first `test_window_size` outcomes after it.

    `bars`: adjusted, from the features' warm-up before the training period to the last test outcome; no later bar is
    needed or looked at. Stale bars are not among them; `stale_time` says when they were. `year`: of the instrument's
    calendar, by which figures are annualised. Raises `plan.NotTrainable` where rows or classes are too few.
    Deterministic for `spec.seed`.
    """
    on_stage("features", 0.05, f"{spec.feature_set} over {len(bars)} bars")
    plan = plan_candle(bars, decision=decision, spec=spec, stale_time=stale_time)
    plan.require_trainable()
    split = plan.split
    features_by_bar = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)
    features, labels = features_by_bar[plan.rows], candle_label(bars, spec)[plan.rows]

    validated, final = fit_candle(features, labels, split=split, spec=spec, on_stage=on_stage, on_round=on_round)

    on_stage("evaluate", 0.9, f"{len(plan.span)} test candles")
    y_train, p_train = _part(labels, split.train), final.probability(_part(features, split.train))
    validation = None
    if validated is not None:
        validation = _part(labels, split.validation), validated.probability(_part(features, split.validation))
    threshold = threshold_of(spec, train=(y_train, p_train), validation=validation)
    evaluation = judge_window(
        bars,
        labels=labels,
        probability=final.probability(_part(features_by_bar, plan.span)),
        plan=plan,
        threshold=threshold,
        spec=spec,
        year=year,
    )
    used = _part(features, split.train)
    return CandleOutcome(
        plan=plan,
        columns=feature_set(spec.feature_set).columns,
        validated=validated,
        final=final,
        features=features,
        threshold=threshold,
        train=evaluate(y_train, p_train, threshold),
        validation=evaluate(*validation, threshold) if validation else None,
        feature_range=(used.min(axis=0), used.max(axis=0)),
        **evaluation,
    )


def fit_candle(
    features: Floats,
    labels: Floats,
    *,
    split: CandleSplit,
    spec: CandleSpec,
    on_stage: OnStage,
    on_round: Callable[[int, float], None],
) -> tuple[Validated | None, Final]:
    """PROTOCOL §2: the early-stopped model, and the one that is kept: fitted again with the rounds that were best, on
    all training rows (`honest`) or on those of the first fit (`poc`, which so gets the same trees). Nothing is stopped
    early where the rounds are known: with `steady`, or given. Logistic regression has no rounds."""
    if spec.model == "logistic":
        on_stage("fit", 0.1, f"logistic regression on {len(split.train)} rows")
        validated, final = (fit_logistic(features, labels, rows=rows, spec=spec) for rows in (split.fit, split.train))
        return validated, final
    if not spec.stops_early:
        rounds = spec.rounds or STEADY_ROUNDS
        on_stage("fit", 0.1, f"{len(split.train)} rows, {rounds} rounds")
        return None, fit_rounds(features, labels, rows=split.train, spec=spec, rounds=rounds)
    on_stage("fit", 0.1, f"{len(split.fit)} rows, stopped early by {len(split.validation)}")
    stopped = fit_until_it_stops(
        features, labels, fit=split.fit, validation=split.validation, spec=spec, on_round=on_round
    )
    rows = split.fit if spec.protocol == "poc" else split.train
    on_stage("refit", 0.8, f"{len(rows)} rows, {stopped.rounds} rounds")
    return stopped, fit_rounds(features, labels, rows=rows, spec=spec, rounds=stopped.rounds)


def threshold_of(spec: CandleSpec, *, train: tuple[Floats, Floats], validation: tuple[Floats, Floats] | None) -> float:
    """PROTOCOL §2: the threshold of best F1, on validation (`honest`) or on the train rows (`poc`); where nothing is
    stopped early the base rate of the train rows, rounded to the grid of `steady`, ties up. Both are labels and
    probabilities, (n,) each."""
    low, high = THRESHOLD_GRID[spec.protocol if spec.stops_early else "steady"]
    if not spec.stops_early:
        ups, rows = int(train[0].sum()), len(train[0])
        return min(max((200 * ups + rows) // (2 * rows), low), high) / 100  # whole numbers: a tie is one
    best_on = train if spec.protocol == "poc" else validation
    assert best_on is not None
    return best_f1_threshold(*best_on, low=low, high=high)


def judge_window(
    bars: Bars,
    *,
    labels: Floats,
    probability: Floats,
    plan: CandlePlan,
    threshold: float,
    spec: CandleSpec,
    year: TradingYear | None = None,
) -> dict[str, Any]:
    """What `Judged` says of the test window: figures and luck by its rows, profit and loss by every bar of its span.
    For a live run all of it is empty. `probability`: (len(plan.span),)."""
    split = plan.split
    a_year = bars_a_year(bars.time, spec.timeframe, year)
    if not len(split.test):
        return {
            "test": None,
            "evidence": None,
            "test_probability": probability,
            "strategy": None,
            "buy_and_hold": None,
            "bars_a_year": a_year,
        }
    y, p = _part(labels, split.test), probability[_part(plan.rows, split.test) - plan.span.start]
    test = evaluate(y, p, threshold)
    traded, signals = bars.slice(plan.span.start, plan.span.stop + 1), (probability >= threshold).astype(np.float64)
    strategy = follow(signals, traded, decision=spec.decision, bars_a_year=a_year)
    holding = follow(np.ones(len(probability)), traded, decision="close", bars_a_year=a_year)
    return {
        "test": test,
        "evidence": evidence_of(y, p, seed=spec.seed, windows=1, predicted_up=int((p >= threshold).sum())),
        "test_probability": probability,
        "strategy": strategy,
        "buy_and_hold": holding,
        "bars_a_year": a_year,
    }


def evidence_of(
    labels: Floats, scores: Floats, *, seed: int, windows: int, predicted_up: int | None = None
) -> Evidence | None:
    """What labels and scores (n,) of `windows` windows together show, of which `predicted_up` reached the threshold;
    None with one class."""
    tested = permutation_test(labels, scores, seed=seed)
    if tested is None:
        return None
    return Evidence(
        auc=tested.auc,
        auc_interval=auc_with_interval(labels, scores)[1],
        p_value=tested.p_value,
        rows=len(labels),
        windows=windows,
        positives=int(labels.sum()),
        predicted_up=predicted_up,
        draws=tested.draws,
    )


def _part(values: NDArray[Number], rows: range) -> NDArray[Number]:
    return values[rows.start : rows.stop]

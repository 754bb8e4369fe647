"""A candle run's records: what a run stores of its result, and what the API answers of a run and of its model."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from boursomatic.shared.records import (
    NOTHING_YET,
    UNSET,
    Meta,
    Moment,
    Record,
    Share,
    Stored,
    UnsetType,
    about,
    choice,
    not_both,
    when,
)
from instruments.models import Timeframe as Timeframes
from instruments.quant.features.names import FEATURE_GROUPS, FEATURE_SETS
from training.models import Status
from training.quant.candle.spec import (
    AFTERS,
    DECISIONS,
    FOLDS,
    MODELS,
    OPTIONAL_RANGES,
    PROTOCOLS,
    RANGES,
    CandleSpec,
)
from training.quant.candle.verdict import Evidence, Verdict
from training.recipes.schema import ModelHead, RunHead, bounded, config_record, request_record

Interval = tuple[float, float]
Timeframe = Annotated[str, choice(Timeframes.values)]

if TYPE_CHECKING:  # their fields are the spec's
    CandleRequest: TypeAlias = Any
    CandleConfig: TypeAlias = Any
else:
    _IN_PARAMS = {name: setting for name, setting in RANGES.items() if setting.in_params}
    _RETRAINED = {  # between windows, so that there must be two
        "if": when("after", "retrain"),
        "then": {"required": ["windows"], "properties": {"windows": {"minimum": 2}}},
    }
    CandleRequest = request_record(
        "CandleRequest",
        [setting for setting in RANGES.values() if not setting.in_params],
        rules={"allOf": [not_both("features", "feature_set"), _RETRAINED]},
        candle_date=(Annotated[Moment, about("The selected candle; a day alone is its midnight, in UTC")],),
        params=(
            request_record(
                "Params",
                _IN_PARAMS.values(),
                **{name: (bounded(setting) | UnsetType, UNSET) for name, setting in OPTIONAL_RANGES.items()},
            )
            | UnsetType,
            UNSET,
        ),
        symbol=(
            Annotated[str, Meta(max_length=32), about("Default: the platform's default symbol")] | UnsetType,
            UNSET,
        ),
        timeframe=(Timeframe, Timeframes.DAY.value),
        protocol=(Annotated[str, choice(PROTOCOLS)], PROTOCOLS[0]),
        feature_set=(
            Annotated[str, choice(FEATURE_SETS, "Default: scale_free with honest and steady, poc16 with poc")]
            | UnsetType,
            UNSET,
        ),
        features=(
            Annotated[
                list[Annotated[str, choice(FEATURE_GROUPS)]],
                Meta(min_length=1, description="Groups, in the place of feature_set"),
            ]
            | UnsetType,
            UNSET,
        ),
        model=(Annotated[str, choice(MODELS, "Boosted trees, or logistic regression")], MODELS[0]),
        decision=(
            Annotated[str, choice(DECISIONS, "At the close, or at the next open, which needs the group raw_o_next")],
            DECISIONS[0],
        ),
        after=(
            Annotated[str, choice(AFTERS, "Test windows after the first: by the same model, or retrained")],
            AFTERS[0],
        ),
        folds=(bounded(FOLDS) | UnsetType, UNSET),
        confirm=(Annotated[bool, about("Follow with the walk-forward confirmation")], True),
        live=(Annotated[bool, about("Train a candle with too few candles after it, untested")], False),
        study_id=(
            Annotated[str, Meta(max_length=40), about("The study that tried the params; those may be wider then")]
            | UnsetType,
            UNSET,
        ),
        seen_until=(
            Annotated[Moment, about("The last outcome that whoever found the params looked at")] | UnsetType,
            UNSET,
        ),
    )
    CandleConfig = config_record(
        "CandleConfig",
        CandleSpec,
        RANGES,
        without=("candle", *_IN_PARAMS, *OPTIONAL_RANGES),
        candle_date=Moment,
        params=config_record(
            "CandleParams",
            CandleSpec,
            RANGES,
            without=set(CandleSpec.__dataclass_fields__) - set(_IN_PARAMS),
            **{name: (bounded(setting) | UnsetType, UNSET) for name, setting in OPTIONAL_RANGES.items()},
        ),
    )


class CandleAccepted(Record):
    """A candle run that was asked for."""

    started: bool
    run_id: str
    pid: Annotated[int | None, about("Null until a worker has taken the run")]
    message: str
    output_dir: Annotated[str, about("Below the artifact root; on S3 it is final once the run has completed")]


class Metrics(Record, kw_only=True):
    """Figures of one part; null where undefined. Without a test window the six of `accuracy` to `mcc` are null, and the
    others but `undefined` left out. Intervals are 95 %."""

    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    mcc: float | None
    undefined: Annotated[dict[str, str], about("Figure -> why it is null")]
    rows: int | UnsetType = UNSET
    threshold: Annotated[float, about("From here on up is predicted")] | UnsetType = UNSET
    log_loss: float | UnsetType = UNSET
    brier: float | UnsetType = UNSET
    base_rate: Annotated[float, about("Share of candles that went up")] | UnsetType = UNSET
    majority_accuracy: float | UnsetType = UNSET
    always_up_accuracy: float | UnsetType = UNSET
    accuracy_interval: Interval | UnsetType = UNSET
    precision_interval: Interval | UnsetType | None = UNSET
    recall_interval: Interval | UnsetType | None = UNSET
    auc_interval: Interval | UnsetType | None = UNSET
    confusion: (
        Annotated[tuple[int, int, int, int], about("True negative, false positive, false negative, true positive")]
        | UnsetType
    ) = UNSET


class TrainMetrics(Metrics):
    """Of the training rows, with the threshold that the protocol found."""

    best_threshold: float


class Split(Record):
    """Candles of one part. The test part of a live run has none."""

    rows: int
    first: Moment | None
    last: Moment | None
    class_counts: Annotated[dict[str, int], about('Of class "0", down (before 0.2.0 unmoved too), and "1", up')]


class Splits(Record):
    """Train, validation and test, in the order of time."""

    train: Annotated[Split, NOTHING_YET]
    validation: Annotated[Split, NOTHING_YET]
    test: Annotated[Split, NOTHING_YET]


class WindowResult(Record):
    """A test window of a run."""

    first: Moment
    last: Moment
    rows: int
    auc: Annotated[float | None, about("Null where all candles went the same way")]
    auc_interval: Interval | None


class FoldResult(Record):
    """A fold of the training rows, fitted on the rows before it."""

    rows: int
    first: Moment
    last: Moment
    auc: float
    log_loss: float


class CandleResult(Stored):
    """What a completed candle run stores. `evidence`: of its own test windows; None for one class or no window."""

    train_metrics: TrainMetrics
    validation_metrics: Metrics
    test_metrics: Metrics
    evidence: Evidence | None
    splits: Splits
    data_hash: str
    model_hash: str
    feature_names: list[str]
    artifact_paths: dict[str, str]
    window_results: list[WindowResult] = []
    shelf_life: int | str | None = None
    fold_results: list[FoldResult] = []


class Window(Record):
    """A window of the walk-forward confirmation."""

    decision: Moment
    train_rows: int
    rows: int
    up: Annotated[int, about("Candles that went up")]
    auc: Annotated[float | None, about("Null where all candles went the same way")]
    auc_interval: Interval | None
    seen: Annotated[bool, about("By the search that chose the settings: not pooled")] = False


class Confirmation(Record):
    """How far the walk-forward confirmation of a run is, and what it found."""

    run_id: Annotated[str, about("The confirmation's own")]
    status: Annotated[str, choice(Status.values)]
    progress: Share
    message: str
    error: str | None
    windows: Annotated[list[Window], about("Oldest first")]
    pooled: Evidence | None
    logistic: Annotated[Evidence | None, about("Logistic regression on the same rows")]
    logistic_is_better: bool


class LiveScore(Record):
    """What has come of a live run since."""

    candles: Annotated[int, about("That have happened since, of those of a test window")]
    of: int
    sentence: str
    metrics: Metrics | None


class CandleHead(RunHead):
    """A run at a candle: of a model, or about one. What only a model has is empty or null in a run about one."""

    candle_date: Moment
    symbol: str
    timeframe: Timeframe
    config: CandleConfig
    output_dir: Annotated[str, about("Below the artifact root; on S3 it is final once the run has completed")]
    train_metrics: Annotated[TrainMetrics, NOTHING_YET]
    validation_metrics: Annotated[Metrics, NOTHING_YET]
    test_metrics: Annotated[Metrics, NOTHING_YET]
    splits: Splits
    data_hash: str | None
    model_hash: str | None
    feature_names: list[str]
    artifact_paths: Annotated[dict[str, str], about("Below the run's folder")]
    verdict: Verdict | None
    confirmation: Confirmation | None
    seen_until: Annotated[Moment | None, about("The last outcome that a search behind the settings looked at")]
    live_score: Annotated[LiveScore | None, about("Of a live run, and only where one run is asked for")]


class CandleRun(CandleHead, tag="candle"):
    """A run that trains a model at a candle."""

    window_results: Annotated[list[WindowResult], about("Of all test windows, oldest first; none for a live run")]
    shelf_life: Annotated[
        int | str | None,
        about('The last window up to which the pooled interval stays above 0.5, or "none shown"; null without windows'),
    ]
    fold_results: Annotated[list[FoldResult], about("Oldest first; none unless folds were asked for")]


class AboutHead(CandleHead):
    """A run about another one at a candle."""

    config: Annotated[dict[str, Any], about("That of the run which it is about")]


class CandleScope(Record):
    """What a candle model speaks of."""

    symbol: str
    timeframe: Timeframe
    horizon: Annotated[int, about("In bars")]


class CandleModelMetrics(Record):
    """Figures of the three parts."""

    train_metrics: TrainMetrics
    validation_metrics: Metrics
    test_metrics: Metrics


class CandleModel(ModelHead, tag="candle"):
    """A model of one instrument."""

    scope: CandleScope
    metrics: CandleModelMetrics
    verdict: Verdict | None

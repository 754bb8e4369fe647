"""A universe run's records: what a run stores of its result, and what the API answers of a run and of its model."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from boursomatic.shared.records import NOTHING_YET, Day, Meta, Record, Stored, about, choice
from training.quant.stats.sharpe import Excess
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.shelf_life import AgeBin
from training.quant.universe.spec import RECIPES, SCORES, UNIVERSE_RANGES, UniverseSpec
from training.quant.universe.verdict import UniverseVerdict
from training.recipes.schema import ModelHead, RunHead, config_record

Interval = tuple[float, float]

if TYPE_CHECKING:  # its fields are the spec's
    UniverseConfig: TypeAlias = Any
else:
    UniverseConfig = config_record("UniverseConfig", UniverseSpec, UNIVERSE_RANGES)


class RunAccepted(Record):
    """A run that was asked for."""

    started: bool
    run_id: str
    message: str


class UniverseMetrics(Record, kw_only=True):
    """Figures of one part: of BUY, HOLD, SELL, of the expected return, of the daily book after costs. Shares and
    returns are fractions; null where undefined. Intervals are 95 %."""

    rows: int
    precision_buy: float | None
    precision_buy_interval: Interval | None
    precision_buy_positive: Annotated[float | None, about("Share of BUYs whose return was above 0")]
    base_rate_buy: Annotated[float | None, about("Of the days that were bought on")]
    base_rate_buy_all: float
    base_rate_positive: float
    buys: int
    lift_buy: Annotated[float | None, about("precision_buy - base_rate_buy")]
    lift_buy_interval: Interval | None
    accuracy: float
    majority_accuracy: float
    rmse: float
    mae: float
    r2: float | None
    rank_ic: Annotated[float | None, about("Mean over the days of Spearman's correlation")]
    sharpe: float | None
    max_drawdown: Annotated[float, Meta(le=0)]
    total_return: float
    turnover: float
    exposure: float
    gross: float
    excess_sharpe: Annotated[float | None, about("Beyond its own exposure to the market")]
    benchmark_sharpe: Annotated[float | None, about("Of equal weight, without a model")]
    benchmark_max_drawdown: Annotated[float, Meta(le=0)]
    benchmark_total_return: float
    long_only_sharpe: float | None
    long_only_max_drawdown: Annotated[float, Meta(le=0)]
    long_only_total_return: float
    rank_ic_interval: Interval | None = None
    deflated_sharpe: Annotated[
        float | None,
        about("Probability that sharpe is above the best of its ledger's trials without skill; null of a fold"),
    ] = None


class PartMetrics(Record):
    """Figures of the parts that the model was not fitted on."""

    validation: Annotated[UniverseMetrics, NOTHING_YET]
    test: Annotated[UniverseMetrics, NOTHING_YET]


class PartRows(Record):
    """Rows of each part, after purging."""

    train: int
    validation: int
    test: int


class Borders(Record):
    """First and last days of the parts."""

    train_last: Day
    validation_first: Day
    validation_last: Day
    test_first: Day
    test_last: Day


class AucOfBuy(Record):
    """AUC of P(BUY) on the test part; null where one class is missing."""

    model: float | None
    logistic: Annotated[float | None, about("Logistic regression on the same rows")]


class Beside(Record):
    """Of the model that was judged beside that of record, on the same rows; for information."""

    rank_ic: float | None
    p_value: float | None


ShelfLife = Annotated[
    int | str | None,
    about("Age up to which the rank IC's interval stays above 0 in every bin, none shown, or null: too few days"),
]


SurvivorsOnly = Annotated[
    bool | None,
    about("Whether nobody ever left the universe: today's members only, so that survivors look better than they were"),
]


class UniverseResult(Stored):
    """What a completed universe run stores. `evidence`: the daily excess returns of its test part, `rank_test`: what
    its ranking of that part shows, both for information."""

    version: str
    universe: str
    as_of: Day
    instruments: int
    bars: int
    rows: PartRows
    borders: Borders
    metrics: PartMetrics
    evidence: Excess
    auc_buy: AucOfBuy
    feature_names: list[str]
    artifact_paths: dict[str, str]
    data_hash: str
    model_hash: str
    judged_model_hash: str
    used_until: Day
    rank_test: UniverseEvidence | None = None  # None: of before it
    beside: dict[str, Beside] = {}
    shelf_life: int | str | None = None
    shelf_life_bins: list[AgeBin] = []
    survivors_only: bool = True
    bars_a_year: float | None = None  # by which figures were annualised; None: of before it, 252 or 365


class UniverseHead(RunHead):
    """A run over a universe."""

    universe: str
    timeframe: Annotated[str, about("1d")]
    recipe: Annotated[str, choice(RECIPES)]
    score: Annotated[str, choice(SCORES, "The model of record; null for phase22")] | None
    beside: Annotated[dict[str, Beside], about("By name: composite, trees, logistic")]
    shelf_life: ShelfLife
    shelf_life_bins: Annotated[list[AgeBin], about("Rank IC by the age of the model, youngest first")]
    as_of: Annotated[Day | None, about("The last day of its data; null until the run has completed")]
    instruments: int | None
    data_hash: str | None
    survivors_only: SurvivorsOnly
    verdict: UniverseVerdict | None


class UniverseRun(UniverseHead, tag="universe"):
    """A run that trains a model on a universe."""

    config: UniverseConfig
    output_dir: Annotated[str, about("Below the artifact root; on S3 it is final once the run has completed")]
    version: str | None
    bars: int | None
    rows: Annotated[PartRows, NOTHING_YET]
    borders: Annotated[Borders, NOTHING_YET]
    metrics: PartMetrics
    auc_buy: Annotated[AucOfBuy, NOTHING_YET]
    used_until: Annotated[Day | None, about("The last day of the rows that the kept model was fitted on")]
    model_hash: str | None
    judged_model_hash: Annotated[str | None, about("Of the model that was judged, before the final fit")]
    feature_names: list[str]
    artifact_paths: Annotated[dict[str, str], about("Below the run's folder")]


class UniverseScope(Record):
    """What a universe model speaks of."""

    universe: str
    timeframe: Annotated[str, about("1d")]
    horizon: Annotated[int, about("In bars")]


class UniverseModel(ModelHead, tag="universe"):
    """A model of a universe."""

    scope: UniverseScope
    metrics: PartMetrics
    survivors_only: SurvivorsOnly
    verdict: UniverseVerdict | None

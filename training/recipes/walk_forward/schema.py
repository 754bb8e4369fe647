"""A walk-forward's records: what a walk and each of its folds store, and what the API answers."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from boursomatic.shared.records import (
    NOTHING_YET,
    UNSET,
    Day,
    Name,
    Record,
    Stored,
    UnsetType,
    about,
    choice,
    given,
    when,
)
from training.quant.stats.bootstrap import Band
from training.quant.stats.sharpe import Excess
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.importance import ImportanceStability
from training.quant.universe.shelf_life import AgeBin
from training.quant.universe.spec import PHASE22, RECIPES, SCORES, UNIVERSE_RANGES, UniverseSpec
from training.quant.walk_forward.spec import WALK_RANGES, WINDOWS
from training.recipes.schema import config_record, request_record
from training.recipes.universe.schema import Beside, UniverseHead, UniverseMetrics

Window = Annotated[str, choice(WINDOWS, "Train on all days before, or on as many as the first fold has")]

if TYPE_CHECKING:  # their fields are the specs'
    UniverseRequest: TypeAlias = Any
    WalkConfig: TypeAlias = Any
else:
    WalkRequest = request_record("WalkRequest", WALK_RANGES.values(), window=(Window, WINDOWS[0]))
    UniverseRequest = request_record(
        "UniverseRequest",
        UNIVERSE_RANGES.values(),
        rules={
            "allOf": [
                {"if": when("recipe", PHASE22), "then": {"not": {"required": ["score"]}}},
                {"if": given("walk_forward"), "then": {"properties": {"refit": {"const": True}}}},
            ]
        },
        universe=(Annotated[Name, about("A named set; all is every active instrument")], "all"),
        as_of=(Annotated[Day | None, about("Train as if this day were the last")], None),
        refit=(Annotated[bool, about("Fit again on all rows whose outcome is known")], True),
        recipe=(Annotated[str, choice(RECIPES)], RECIPES[0]),
        score=(
            Annotated[str, choice(SCORES, "Only with honest: which model is that of record")] | UnsetType,
            UNSET,
        ),
        confirm=(Annotated[bool, about("Walk forward when it has completed, for the verdict")], True),
        walk_forward=(
            Annotated[WalkRequest | None, about("Walk forward instead, and keep no model")] | UnsetType,
            UNSET,
        ),
    )
    WalkConfig = config_record(
        "WalkConfig",
        UniverseSpec,
        UNIVERSE_RANGES,
        folds=int,
        step=Annotated[int, about("Trading days judged in each fold")],
        window=Window,
        fold=Annotated[int | None, about("Of a part of the walk: its number, from 1 on")],
    )


class Fold(UniverseMetrics):
    """A fold's figures, on the days after its training."""

    train_last: Day
    first: Day
    last: Day


class Stability(Record):
    """In how many folds a figure was above 0."""

    rank_ic: int
    lift_buy: int
    sharpe: int
    excess_sharpe: int


class Curve(Record):
    """Equity of the pooled book, from 1 on, after each day."""

    days: list[Day]
    long_short: list[float]
    equal_weight: list[float]
    band: Annotated[Band | None, about("Of long_short, by the stationary bootstrap; null of too few days")] = None


class FoldResult(Stored):
    """What a completed fold stores; `said` is the SHA-256 of the file with what its models predicted."""

    fold: Fold
    as_of: Day
    data_hash: str
    said: str
    bars_a_year: float | None = None  # as UniverseResult has it


class WalkResult(Stored):
    """What a completed walk stores. `evidence`: the daily excess returns of the pooled portfolio, for information;
    `rank_test`: what the pooled ranking shows."""

    universe: str
    as_of: Day
    instruments: int
    window: str
    data_hash: str
    folds: list[Fold]
    pooled: UniverseMetrics
    stability: Stability
    curve: Curve
    evidence: Excess
    rank_test: UniverseEvidence | None = None  # None: of before it
    beside: dict[str, Beside] = {}
    shelf_life: int | str | None = None
    shelf_life_bins: list[AgeBin] = []
    pbo: float | None = None
    pbo_configurations: int | None = None
    importance_stability: ImportanceStability | None = None
    survivors_only: bool = True
    bars_a_year: float | None = None  # as UniverseResult has it


class WalkRun(UniverseHead, tag="walk"):
    """A walk-forward over a universe, pooled when its last fold is done."""

    config: WalkConfig
    window: Window
    folds: Annotated[list[Fold], about("Those that are done, oldest first")]
    pooled: Annotated[UniverseMetrics, NOTHING_YET]
    stability: Annotated[Stability, NOTHING_YET]
    curve: Annotated[Curve, NOTHING_YET]
    pbo: Annotated[float | None, about("Probability of backtest overfitting; null below 5 configurations or 160 days")]
    pbo_configurations: Annotated[int | None, about("Walked in this ledger over nearly the same days, this one among")]
    importance_stability: Annotated[
        ImportanceStability | None, about("Of the composite's weights, or of phase22's share of gain; from 2 folds on")
    ]


class UniverseConfirmationRun(WalkRun, tag="walk_confirmation"):
    """The walk-forward that judges a universe run; its verdict is that run's."""

    subject: Annotated[str, about("Run id of the run that it judges")]

"""A sweep's records: what it stores, and what the API asks and answers."""

from itertools import combinations
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
    spelled,
    to_json,
    unique,
)
from instruments.quant.features.names import FEATURE_GROUPS, FEATURE_SETS
from training.models import Status
from training.quant.candle.spec import MODELS, OPTIONAL_RANGES, PROTOCOLS, RANGES
from training.recipes.candle.schema import Interval, Timeframe
from training.recipes.schema import RunHead, bounded, request_record
from training.recipes.sweep.spec import EVERY, FURTHER, MOST_CELLS

CELL_STATUS = ("completed", "failed", "waiting")
Texts = Annotated[str, Meta(max_length=32)]
_GROUP = "|".join(FEATURE_GROUPS)
_Features = Annotated[
    str,
    spelled(f"{'|'.join(FEATURE_SETS)}|(?:{_GROUP})(?:\\+(?:{_GROUP}))+"),
    about(f"{', '.join(FEATURE_SETS)}, or groups joined by +"),
]
_LISTED = Meta(min_length=1, max_length=MOST_CELLS)


def _none_of(*names: str) -> dict[str, Any]:
    return {"not": {"anyOf": [{"required": [name]} for name in names]}}


if TYPE_CHECKING:  # their fields are the spec's
    SweepRequest: TypeAlias = Any
    PromoteRequest: TypeAlias = Any
    SweepParams: TypeAlias = Any
else:
    SweepParams = request_record(
        "SweepParams",
        [setting for setting in RANGES.values() if setting.in_params],
        **{name: (bounded(setting) | UnsetType, UNSET) for name, setting in OPTIONAL_RANGES.items()},
    )
    SweepRequest = request_record(
        "SweepRequest",
        [EVERY],
        rules={
            "oneOf": [
                {"required": ["candles"], **_none_of("from", "to", "every")},
                {"required": ["from", "to"], **_none_of("candles")},
            ],
            "allOf": [
                *(not_both(one, other) for one, other in combinations(FURTHER, 2)),
                not_both("test_windows", "test_window_size"),
                not_both("feature_sets", "feature_set"),
            ],
        },
        symbol=(Annotated[Texts, about("Default: the platform's default symbol")] | UnsetType, UNSET),
        timeframe=(Timeframe, "1d"),
        candles=(Annotated[list[Moment], _LISTED, about("Or from, to and every")] | UnsetType, UNSET),
        to=(Moment | UnsetType, UNSET),
        train_years=(
            Annotated[list[bounded(RANGES["train_years"])], _LISTED, unique(), about("Each is a row, or several")]
            | UnsetType,
            UNSET,
        ),
        test_window_size=(bounded(RANGES["test_window_size"]), int(RANGES["test_window_size"].default)),
        protocol=(Annotated[str, choice(PROTOCOLS)], PROTOCOLS[0]),
        model=(Annotated[str, choice(MODELS)], MODELS[0]),
        feature_set=(_Features | UnsetType, UNSET),
        params=(
            Annotated[list[SweepParams], _LISTED, unique(), about("Of the three further settings one may vary")]
            | UnsetType,
            UNSET,
        ),
        feature_sets=(Annotated[list[_Features], _LISTED, unique()] | UnsetType, UNSET),
        test_windows=(Annotated[list[bounded(RANGES["test_window_size"])], _LISTED, unique()] | UnsetType, UNSET),
        study_id=(
            Annotated[str, Meta(max_length=40), about("The search that tried the params; those may be wider then")]
            | UnsetType,
            UNSET,
        ),
        seen_until=(
            Annotated[Moment, about("The last outcome that whoever found the params looked at")] | UnsetType,
            UNSET,
        ),
        **{"from": (Annotated[Moment, about("With to and every, in the place of candles")] | UnsetType, UNSET)},
    )
    PromoteRequest = request_record(
        "PromoteRequest",
        [],
        candle_date=(Moment,),
        train_years=(bounded(RANGES["train_years"]) | UnsetType, UNSET),
        params=(SweepParams | UnsetType, UNSET),
        feature_set=(str | UnsetType, UNSET),
        test_window_size=(bounded(RANGES["test_window_size"]) | UnsetType, UNSET),
    )


class RowResult(Record):
    """A row's cells pooled, one score a bar."""

    candles: Annotated[int, about("Cells that are pooled")]
    bars: int
    auc: Annotated[float | None, about("Null where there is nothing to rank")]
    auc_interval: Interval | None
    problem: Annotated[str, about("Why it is not compared with the others; else empty")]


class Pooled(Record):
    """Claim (a), of the row with the largest AUC."""

    auc: float | None
    p_value: float


class SweepResult(Stored):
    """What a completed sweep stores. `largest`: the row with the largest AUC; `p_better`: claim (b)."""

    rows: list[RowResult]
    trained: int
    failed: int
    bars: int
    largest: int | None
    p_better: float | None
    draws: int | None
    evidence: Pooled | None
    seen_until: Moment
    data_hash: str

    def as_dict(self) -> dict[str, Any]:
        stored: dict[str, Any] = to_json(self)
        return stored


class SweepRow(RowResult):
    """A row with its settings."""

    label: str
    train_years: float
    params: dict[str, int | float]
    feature_set: str
    test_window_size: int
    seen_until: Annotated[Moment | None, about("Cells before it were seen by the search that found the settings")]


class SweepCells(Record):
    """The cells as columns, candle by candle."""

    candle: list[Moment]
    train_years: list[float]
    params: list[dict[str, int | float]]
    feature_set: list[str]
    test_window_size: list[int]
    auc: list[float | None]
    rows: Annotated[list[int], about("Test candles with an outcome")]
    status: list[Annotated[str, choice(CELL_STATUS)]]
    problem: Annotated[list[str], about("Why it failed, else empty")]
    seen: Annotated[list[bool], about("By the search that found the settings: not pooled")]


class SweepClaim(Record):
    """What the sweep claims. Null until it has completed, and where nothing unseen can be ranked."""

    p_value: Annotated[float | None, about("That there is anything: of the largest AUC among the compared rows")]
    row: Annotated[int | None, about("The row that is better than the others; null: none is by more than luck")]
    label: Annotated[str | None, about("no_evidence, weak or evidence: of p_value")]
    level: Annotated[float | None, about("What p_value must stay below for evidence")]
    trial: int | None
    largest: Annotated[int | None, about("The row with the largest AUC")]
    p_better: Annotated[float | None, about("That the largest row is better than the mean; null with one row")]
    bars: Annotated[int, about("That all compared rows share")]


class SweepConfig(Record):
    """What was asked for; the candles are in the cells."""

    candles: int
    first: Moment
    last: Moment
    protocol: str
    model: str


class SweepRun(RunHead, tag="sweep"):
    """A sweep: candles × settings, with one pooled claim."""

    candle_date: Annotated[Moment, about("The last candle")]
    symbol: str
    timeframe: Timeframe
    config: SweepConfig
    cells_done: int
    cells_failed: int
    rows: Annotated[list[SweepRow], NOTHING_YET]
    claim: Annotated[SweepClaim, NOTHING_YET]
    seen_until: Moment | None
    data_hash: str | None
    sentence: str


class SweepAccepted(Record):
    """A sweep that was asked for."""

    started: bool
    sweep_id: str
    cells: int
    estimate_s: Annotated[float, about("Of all cells on one idle core")]


class Sweep(Record):
    """A sweep with its cells."""

    sweep_id: str
    status: Annotated[str, choice(Status.values)]
    progress: Share
    symbol: str
    timeframe: Timeframe
    cells: SweepCells
    rows: list[SweepRow]
    claim: SweepClaim
    seen_until: Moment | None
    sentence: str
    error: str | None

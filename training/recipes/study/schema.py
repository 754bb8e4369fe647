"""A study's records: what it stores of its result, and what the API answers."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from boursomatic.shared.records import UNSET, Meta, Moment, Record, Share, Stored, UnsetType, about, choice
from training.models import Status, TrialState
from training.quant.candle.spec import DECISIONS, MODELS, PROTOCOLS
from training.quant.search.names import ENDED_BY, TAKEN
from training.recipes.candle.schema import CandleConfig, CandleRequest
from training.recipes.schema import RunHead, bounded
from training.recipes.study.spec import SPACE, STUDY_RANGES

Params = Annotated[dict[str, int | float], about("As run-poc takes them; what is absent isn't used")]
LogLoss = Annotated[float | None, about("Log-loss of the folds, which the search looked at; null: it failed")]
Space = Annotated[
    dict[Annotated[str, choice(SPACE)], tuple[float, float]],
    Meta(min_length=1, description="Parameter -> lowest and highest value to try"),
]
WantedSpace = Annotated[
    Space | Annotated[list[Annotated[str, choice(SPACE)]], Meta(min_length=1)],
    about("Also the names alone. Default: all of them"),
]
SEARCHABLE = tuple(name for name in PROTOCOLS if name != "steady")  # which fixes all settings
_NO_ROUNDS = {"properties": {"params": {"not": {"required": ["rounds"]}}}}  # a study chooses them itself

if TYPE_CHECKING:
    StudyRequest: TypeAlias = Any
    StudyConfig: TypeAlias = Any
else:
    StudyRequest = msgspec.defstruct(
        "StudyRequest",
        [
            (
                "seconds",
                Annotated[bounded(STUDY_RANGES["seconds"]), Meta(description="Default 30; with trials, no limit")]
                | UnsetType,
                UNSET,
            ),
            *((name, bounded(STUDY_RANGES[name]), int(STUDY_RANGES[name].default)) for name in ("trials", "folds")),
            ("space", WantedSpace | UnsetType, UNSET),
            ("protocol", Annotated[str, choice(SEARCHABLE)], SEARCHABLE[0]),
            ("model", Annotated[str, choice(MODELS[:1])], MODELS[0]),
            ("decision", Annotated[str, choice(DECISIONS[:1])], DECISIONS[0]),
            ("then_train", Annotated[bool, about("Start the run with what was taken")], True),
            ("rotated", Annotated[bool, about("On labels rotated in time: what luck finds. Makes no run")], False),
        ],
        bases=(CandleRequest,),
        kw_only=True,
        module=__name__,
        namespace={"rules": {"allOf": [*CandleRequest.rules["allOf"], _NO_ROUNDS]}},
    )
    StudyConfig = msgspec.defstruct(
        "StudyConfig",
        [
            ("seconds", Annotated[int | None, about("Null: only the number of trials ends it")]),
            ("trials", int),
            ("folds", int),
            ("space", Space),
            ("then_train", bool),
            ("rotated", bool),
        ],
        bases=(CandleConfig,),
        kw_only=True,
        module=__name__,
    )


class Inner(Record):
    """What a configuration is worth on the folds."""

    params: Params
    inner: LogLoss
    auc: Annotated[float | None, about("Pooled over the folds")]


class Tried(Inner):
    """The trial with the lowest log-loss, with the number of rounds that has it."""

    number: Annotated[int, about("Of the trial, from 0 on")]


class StudyResult(Stored):
    """What a completed study stores. `run_id`: the run that it started."""

    trials: int
    seen_until: str
    user: Inner
    best: Tried | None
    steady: Inner
    taken: str
    sentence: str
    ended_by: str
    decision: str
    windows: int
    rows: int
    folds: int
    importance: dict[str, float]
    run_id: str | None = None


class Study(Record):
    """A study: better settings for a candle run. What it found is null until it has completed."""

    study_id: str
    status: Annotated[str, choice(Status.values)]
    progress: Share
    message: str
    error: str | None
    seconds_left: Annotated[float | None, about("Null once it has ended, or where nothing says how long it takes")]
    config: StudyConfig
    trials: Annotated[int, about("Done; with as many set, the study repeats exactly")]
    seen_until: Annotated[Moment | None, about("When the last outcome that it looked at became known")]
    user: Annotated[Inner | None, about("The values that were sent")]
    best: Annotated[Tried | None, about("Null where all trials failed")]
    steady: Annotated[Inner | None, about("The protocol steady as a whole")]
    taken: Annotated[str | None, choice([*TAKEN, None], "What the run is made with")]
    sentence: str | None
    ended_by: Annotated[str | None, choice([*ENDED_BY, None], "What ended the search")]
    decision: Annotated[Moment | None, about("The candle that it stands at, of the oldest confirmation window")]
    windows: Annotated[int | None, about("Test windows from there on, none of which it looked at")]
    rows: Annotated[int | None, about("Candles that it looked at")]
    folds: Annotated[int | None, about("Fewer than asked for where history is short")]
    importance: Annotated[dict[str, float], about("Share of each parameter in what made the trials differ")]
    run_id: Annotated[str | None, about("The run that it started")]


class StudyRun(RunHead, tag="study"):
    """A study among runs of other kinds."""

    study: Study


class StudyAccepted(Record):
    """A study that was asked for."""

    started: bool
    study_id: str


class FoldFigures(Record):
    """A trial's figures on one fold."""

    rows: int
    log_loss: float
    auc: float | None


class StudyTrialFigures(Record):
    """A search trial."""

    number: int
    params: Params
    rounds: Annotated[int | None, about("With the lowest pooled log-loss")]
    inner: LogLoss
    auc: float | None
    folds: Annotated[list[FoldFigures], about("In the order of time; empty where it failed")]
    state: Annotated[str, choice(TrialState.values)]
    seconds: float

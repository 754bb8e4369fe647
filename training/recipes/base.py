"""What a kind of run is made of. Each kind is one folder that fills in a `Recipe`, and one line in settings.RECIPES.

Light: web processes import every recipe. What trains is named by a dotted string, which a worker resolves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from django.db.models import Model

from instruments.models import Series
from training.evidence.trials import Claim, TrialFields
from training.models import Priority, TrainingRun
from training.quant.chunks import Chunk, WorkOut

MEMORY = 1536 * 1024**2  # bytes that a child may take above its size at the fork; a candle run needs a few MB


class Spec(Protocol):
    """What a run is asked for, validated. Frozen, pure, without any third-party import."""

    @property
    def kind(self) -> str:
        """Of the run that it asks for; runs about others have their subject's spec, and a kind of their own."""

    def as_dict(self) -> dict[str, Any]: ...

    def params_hash(self) -> str: ...


@dataclass(frozen=True)
class Prepared:
    """What a run's row says besides its spec: what it is about, and the columns that lists seek it by."""

    series: Series | None = None
    candle_at: datetime | None = None
    protocol: str | None = None
    feature_set: str | None = None
    universe: str | None = None
    seen_until: datetime | None = None  # the last outcome that the search behind the settings looked at


class Progress(Protocol):
    """Where a run says how far it is. Raises leases.Cancelled or leases.LeaseLost when it must stop."""

    def stage(self, stage: str, progress: float, message: str) -> None:
        """`progress` from 0 to 1; `message` for a person."""

    def within(self, progress: float, message: str) -> None:
        """How far the present stage is; `progress` as of `stage`. No line of the run's log."""

    def boosting(self, iteration: int, loss: float) -> None:
        """A round of a fit, and its validation loss."""

    def checkpoint(self, rows: Sequence[Model]) -> None:
        """Keeps finished pieces of the work, new rows of one table, for a later attempt to go on from."""

    def stop_requested(self) -> bool:
        """Whether somebody wants the run to end with what it has."""


@dataclass(frozen=True)
class Work:
    """A claimed run on its way."""

    run: TrainingRun
    spec: Any
    progress: Progress
    cores: Callable[[], int] = lambda: 1  # that it may use now; asked only by what can use more than one
    work_out: WorkOut = Chunk.work_out  # here, or where this site has such work done


@dataclass(frozen=True)
class ModelFields:
    """The model version that a run makes: its name, what it speaks of, its figures."""

    version: str
    metrics: Mapping[str, Any]
    data_hash: str
    model_hash: str
    series: Series | None = None
    universe: str = ""
    horizon: int = 1


@dataclass(frozen=True)
class FollowUp:
    """A run about the one that has just completed, made in the same transaction."""

    kind: str
    spec: Spec


@dataclass(frozen=True)
class ChildRun:
    """A run that is a part of another, made with it."""

    spec: Spec


@dataclass(frozen=True)
class SearchedFields:
    """A configuration that a search looked at, with the last outcome that it saw."""

    params_hash: str
    seen_until: datetime


@dataclass(frozen=True)
class PackedPositions:
    """What a run's models bought and sold: `rows` as training.quant.walk_forward.positions.POSITION, which count
    `symbols`."""

    symbols: Sequence[str]
    rows: bytes


@dataclass(frozen=True)
class Completed:
    """What a run leaves behind, written in one transaction by `training.worker.execute.complete`."""

    result: Mapping[str, Any]
    detail: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    model: ModelFields | None = None
    trial: TrialFields | None = None
    positions: PackedPositions | None = None
    claim: Claim | None = None  # from a follow-up: what its subject's trial is given, once
    follow_ups: Sequence[FollowUp] = ()
    searched: Sequence[SearchedFields] = ()  # on the run's own series
    then: Spec | None = None  # a run of its own that starts for the same person; the result's "run_id" names it


class Recipe(Protocol):
    """A kind of run. Frozen values; `execute` names a function Work -> Completed in the kind's own folder."""

    kind: str
    label: str
    priority: Priority
    time_limit_s: float  # well below settings.TASK_TIMEOUT_S
    memory: int  # bytes above the size at the fork
    keep_days: int | None  # after its end; None: as long as the site's retention says
    is_listed: bool  # on pages that list runs of many kinds
    only_by_kind: bool  # in GET /api/training/runs where ?kind= names it, but not without
    counts_as_active: bool  # towards what a person may have queued or running
    needs_subject: bool  # is about a finished run
    execute: str
    as_json: str  # a function Sequence[TrainingRun] -> list of JSON objects
    answer: str  # the record that describes such an object; empty: recipes.other's
    page: str  # a function (request, run) -> response

    def parse(self, stored: Mapping[str, Any]) -> Spec:
        """The spec back from what a run stored. Raises SpecError."""

    def prepare(self, spec: Any) -> Prepared:
        """Cheap enough for a web request. Raises SpecError for what can't come to anything."""


@runtime_checkable
class About(Protocol):
    """A kind that can be asked for of a finished run of one of the kinds `subjects`, by the button or address `verb`:
    verify, for instance, whatever is verified."""

    kind: str
    verb: str
    subjects: tuple[str, ...]


@runtime_checkable
class HoldsUniverse(Protocol):
    """A kind whose runs have the rows of their universe in memory."""

    copies: int  # of all of them at once


@runtime_checkable
class Parent(Protocol):
    """A kind whose runs have parts: its own turn comes when all of them have ended."""

    on_part_failure: Literal["fail", "combine_without"]

    def parts(self, spec: Any) -> Sequence[ChildRun]: ...

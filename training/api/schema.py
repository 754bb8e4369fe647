"""Requests and answers of the training API that belong to no kind of run, and the unions over the kinds."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Annotated, Any

from django.utils.module_loading import import_string

from boursomatic.shared.openapi import Shape
from boursomatic.shared.records import UNSET, Body, Meta, Moment, Record, UnsetType, about, choice
from training.models import Priority
from training.recipes.base import Recipe
from training.recipes.candle.schema import CandleModel, CandleRun
from training.recipes.ensemble.schema import EnsembleModel
from training.recipes.kinds import recipes
from training.recipes.other import other_record
from training.recipes.schema import GateCheck
from training.recipes.universe.schema import UniverseModel
from training.runs.annotations import NAME_MOST, NOTES_MOST, TAG, TAG_MOST, TAGS_MOST

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S", description="It stays in the history")]


def _answers(recipes: Iterable[Recipe]) -> Any:
    """The union of these kinds' records."""
    records = [import_string(each.answer) if each.answer else other_record(each.kind) for each in recipes]
    return reduce(or_, records)


QueueName = Annotated[str, choice(each.name.lower() for each in Priority)]

AnyKind: Any = _answers(recipes().values())
AnyRun = Shape("Run", AnyKind)
Runs = Shape("Runs", list[AnyKind])
CandleRuns = Shape("CandleRuns", list[CandleRun])


class RunAnnotations(Body):
    """Fields that are left out stay as they are."""

    rules = {"minProperties": 1}

    name: Annotated[str, Meta(max_length=NAME_MOST, description="One line")] | UnsetType = UNSET
    notes: Annotated[str, Meta(max_length=NOTES_MOST)] | UnsetType = UNSET
    tags: (
        Annotated[
            list[Annotated[str, Meta(max_length=TAG_MOST, pattern=rf"^{TAG.pattern}$")]],
            Meta(max_length=TAGS_MOST, description="Letters, digits, '_', '.', '-'; kept in small ones"),
        ]
        | UnsetType
    ) = UNSET
    pinned: Annotated[bool, about("Kept by retention and by bulk deletion")] | UnsetType = UNSET


class DeactivateRequest(Body):
    """Why a model is taken out of use."""

    reason: Reason


class RollBackRequest(Body):
    """Why the model before is taken again."""

    reason: Annotated[str, Meta(max_length=500, description='Follows "Rolled back from …"')] | UnsetType = UNSET


class ActivateRequest(Body):
    """Why a model is made the active one of its scope."""

    reason: Reason
    expected_active: (
        Annotated[str | None, about("The version that is active now, null for none: 409 if it isn't")] | UnsetType
    ) = UNSET
    override: Annotated[bool, about("Activate it despite failed checks")] = False


class GateRefusal(Record):
    """The gate's checks, passed or not."""

    detail: str
    gate: list[GateCheck]


class CandleActivated(CandleModel, tag="candle"):
    """A candle model that has just become active."""

    previous: str | None
    gate: list[GateCheck]


class UniverseActivated(UniverseModel, tag="universe"):
    """A universe model that has just become active."""

    previous: str | None
    gate: list[GateCheck]


class Activation(Record):
    """A change of the active model of a scope."""

    scope: str
    version: Annotated[str | None, about("Null: none from then on")]
    previous: str | None
    at: Moment
    by: str | None
    reason: str
    overridden: Annotated[bool, about("Activated despite failed checks")]
    gate: list[GateCheck]


class Host(Record):
    """A host with workers."""

    name: str
    cores: int
    memory: Annotated[int, about("Bytes that its runs may take together")]
    slots: Annotated[int, about("Runs at a time; one more where that is a click")]
    queues: Annotated[list[QueueName], about("Whose runs it takes")]
    ahead_s: Annotated[float, about("Its clock before the database's")]
    silent_s: Annotated[float, about("Since its last heartbeat")]
    processes: Annotated[int, about("Of its workers, that are alive")]
    drained: Annotated[bool, about("It takes nothing more")]


class EnsembleActivated(EnsembleModel, tag="ensemble"):
    """An ensemble that has just become active."""

    previous: str | None
    gate: list[GateCheck]


AnyModel = Shape("Model", CandleModel | EnsembleModel | UniverseModel)
Models = Shape("Models", list[CandleModel | EnsembleModel | UniverseModel])
Activated = Shape("Activated", CandleActivated | EnsembleActivated | UniverseActivated)
Activations = Shape("Activations", list[Activation])
Hosts = Shape("Hosts", list[Host])

"""Runs as JSON of kinds that have no shape of their own: how far they are, and what they found."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import msgspec

from boursomatic.shared.records import about, to_json
from training.models import TrainingRun
from training.recipes.head import run_head
from training.recipes.schema import RunHead


class OtherHead(RunHead):
    """A run of a kind without a shape of its own."""

    parent: Annotated[str | None, about("The run that it is a part of")]
    subject: Annotated[str | None, about("The run that it is about")]
    config: dict[str, Any]
    result: Annotated[dict[str, Any], about("Empty until it has completed")]


@cache
def other_record(kind: str) -> Any:
    """The record of a kind's answers."""
    name = f"{kind.replace('_', ' ').title().replace(' ', '')}Run"
    return msgspec.defstruct(name, [], bases=(OtherHead,), tag=kind, module=__name__)


def other_runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [
        to_json(
            other_record(run.kind)(
                **run_head(run),
                parent=run.parent.run_id if run.parent else None,
                subject=run.subject.run_id if run.subject else None,
                config=run.config,
                result=run.result,
            )
        )
        for run in runs
    ]

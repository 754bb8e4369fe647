"""Ensembles as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.evidence.candle import candle_verdicts
from training.models import TrainingRun
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.candle.as_json import candle_fields
from training.recipes.ensemble.schema import EnsembleMember, EnsembleRun


def ensembles_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """Two queries for all verdicts together, and one for all members."""
    verdicts = candle_verdicts(runs)
    specs = {run.pk: EnsembleSpec.from_dict(run.config) for run in runs}
    there = existing_members(list(specs.values()))
    return [
        to_json(EnsembleRun(**candle_fields(run, verdicts[run.pk]), members=_members(specs[run.pk], there)))
        for run in runs
    ]


def existing_members(specs: Sequence[EnsembleSpec]) -> set[str]:
    """Names of those members' runs, or their sweep, that nobody deleted. One query."""
    names = {member.run_id for spec in specs for member in spec.members}
    return set(TrainingRun.objects.existing().filter(run_id__in=names).values_list("run_id", flat=True))


def _members(spec: EnsembleSpec, there: set[str]) -> list[EnsembleMember]:
    return [
        EnsembleMember(
            run_id=member.run_id,
            cell=member.cell,
            candle_date=member.spec.candle,
            params_hash=member.params_hash,
            model_hash=member.model_hash or None,
            exists=member.run_id in there,
        )
        for member in spec.members
    ]

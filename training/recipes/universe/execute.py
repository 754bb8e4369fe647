"""A universe run carried out: bars and features, train, judge, and what it leaves behind."""

from dataclasses import replace
from datetime import date

from training.evidence.selection import selection_of
from training.quant.stats.threads import on_threads
from training.quant.universe.honest.run import train_honest
from training.quant.universe.spec import HONEST, UniverseSpec
from training.quant.universe.train import train_universe
from training.quant.walk_forward.spec import confirming_walk
from training.recipes.base import Completed, FollowUp, ModelFields, Work
from training.recipes.universe.data import universe_data, universe_trial
from training.recipes.universe.results import universe_leftovers, with_deflated_sharpe
from training.recipes.universe.shared_rows import keep, path_of, prepare
from training.recipes.walk_forward.recipe import CONFIRMATION


def execute(work: Work) -> Completed:
    """Raises SpecError and TooLittle for data that won't do."""
    with on_threads(work.cores()):
        return _execute(work)


def _execute(work: Work) -> Completed:
    run, spec, progress = work.run, work.spec, work.progress
    assert isinstance(spec, UniverseSpec)
    progress.stage("load", 0.02, f"bars and features of the universe {spec.universe}")
    path = path_of(spec)
    data = universe_data(
        spec,
        on_read=lambda done, todo: progress.stage("load", 0.02 + 0.1 * done / todo, f"{done} of {todo} instruments"),
    )
    progress.stage("prepare", 0.13, f"{len(data.panel.day):,} rows")
    data = prepare(data, spec)
    if spec.recipe == HONEST:
        outcome = train_honest(data.panel, spec, on_stage=progress.stage, rows=data.honest)
    else:
        outcome = train_universe(data.panel, spec, on_stage=progress.stage, exposures=data.exposures)
    progress.stage("write", 0.95, "files, hashes and the model's version")
    selection = selection_of(run, universe_trial(data))
    outcome = replace(
        outcome,
        validation=with_deflated_sharpe(outcome.validation, selection),
        test=with_deflated_sharpe(outcome.test, selection),
    )
    left = universe_leftovers(run, spec, data, outcome)
    walk = confirming_walk(spec, days=len(data.panel.labelled_days)) if spec.confirm else None
    if walk:
        keep(path, data, spec)
    last_judged = date.fromisoformat(left.detail["books"]["test"]["days"][-1])
    return Completed(
        result=left.result,
        detail=left.detail,
        files=left.files,
        model=ModelFields(
            version=left.result["version"],
            metrics=left.result["metrics"],
            data_hash=left.result["data_hash"],
            model_hash=left.result["model_hash"],
            universe=spec.universe,
            horizon=spec.horizon,
        ),
        trial=universe_trial(
            data,
            retrained_to=last_judged if run.parent_id else None,  # a universe run is part of nothing but a retraining
        ),
        follow_ups=[FollowUp(CONFIRMATION.kind, walk)] if walk else [],
    )

"""The worker's side of schedules: carries what is due, in a child of its own as it carries runs.

LightGBM may use threads when it reads a model, and a worker whose LightGBM has used threads can't fork any more.
"""

import time
from collections.abc import Callable
from functools import partial

from django.db import connections

from instruments.store.features import features_compute
from instruments.universes import UnknownUniverse, universe_series
from predictions.models import Job, Recommendation, Schedule
from predictions.recommendations.drift import drift_notice
from predictions.recommendations.make import NotAdvisable, active_models, challenger_of, recommendations_make
from predictions.recommendations.score import recommendations_score
from predictions.schedules import services
from training.errors import ActiveChanged, GateRefused, RunRefused, TooManyRuns
from training.evidence.universe import universe_verdicts
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.universe.spec import UniverseSpec
from training.registry.activation import model_activate
from training.runs.services import universe_run_create
from training.worker.child import Child
from training.worker.outcome import Ending, Outcome
from training.worker.runner import STOPPING

LIMIT_S = 1800.0
TICK_S = 0.2


class Unfit(Exception):
    """Why a job could not be done, in a sentence."""


def schedule_carry(pk: int) -> None:
    """The task behind each kick: settles a retraining that has ended, then does what is due."""
    awaiting = Schedule.objects.filter(pk=pk).exclude(run_id="").first()
    if awaiting and TrainingRun.objects.filter(run_id=awaiting.run_id, finished_at=None).exists():
        awaiting = None
    if awaiting and Schedule.objects.filter(pk=pk, run_id=awaiting.run_id).update(run_id="", kicked_at=None):
        _in_child(pk, partial(schedule_settle, awaiting))
    claimed = services.schedule_claim(pk)
    if claimed:
        _in_child(pk, partial(schedule_work, claimed))


def schedule_work(schedule: Schedule) -> None:
    """Does the job in this process and writes what came of it."""
    try:
        result, run_id = JOBS[Job(schedule.job)](schedule)
        services.schedule_end(schedule.pk, ok=True, result=result, run_id=run_id)
    except (NotAdvisable, RunRefused, TooManyRuns, UnknownUniverse, Unfit) as error:
        services.schedule_end(schedule.pk, ok=False, result=str(error))
    except SpecError as error:
        services.schedule_end(
            schedule.pk, ok=False, result=" ".join(word for said in error.errors.values() for word in said)
        )


def schedule_settle(schedule: Schedule) -> None:
    """Says what became of a retraining; activates its model if a manager has set that rule and the gate lets it."""
    run = TrainingRun.objects.get(run_id=schedule.run_id)
    if run.status != Status.COMPLETED:
        services.schedule_end(schedule.pk, ok=False, result=f"Retraining {run.run_id} {run.status}: {run.error}")
        return
    model = ModelVersion.objects.select_related("run", "series__instrument").get(run=run)
    verdict = universe_verdicts([run])[run.pk]
    result = f"Challenger {model.version}: {verdict.label.replace('_', ' ')}."
    if schedule.activates_by:
        result += f" {_activated(schedule, model)}"
    services.schedule_end(schedule.pk, ok=True, result=result)


def _activated(schedule: Schedule, model: ModelVersion) -> str:
    champion = next((one for one in active_models(model.universe) if one.horizon == model.horizon), None)
    try:
        model_activate(
            model=model,
            user=schedule.activates_by,
            reason="By the rule of the retraining schedule",
            expected=champion.version if champion else None,
        )
    except (GateRefused, ActiveChanged) as error:
        return f"Not activated: {error}"
    return "Activated by the schedule's rule."


def _recommend(schedule: Schedule) -> tuple[str, None]:
    """By each active model and its challenger, for the last session."""
    champions = active_models(schedule.universe)
    if not champions:
        raise Unfit(f"No model of the universe {schedule.universe} is active.")
    said = []
    for champion in champions:
        made, new = recommendations_make(model=champion, as_of=None)
        said.append(f"{champion.version}: {made.as_of}{'' if new else ', as before'}")
        if challenger := challenger_of(champion):
            try:
                made, new = recommendations_make(model=challenger, as_of=None)
                said.append(f"challenger {challenger.version}: {made.as_of}{'' if new else ', as before'}")
            except NotAdvisable:
                said.append(f"challenger {challenger.version}: not before the next session")
    return "; ".join(said), None


def _score(schedule: Schedule) -> tuple[str, None]:
    scored = recommendations_score()
    return f"{scored:,} scored, {Recommendation.objects.pending().count():,} pending", None


def _drift(schedule: Schedule) -> tuple[str, None]:
    found, made = drift_notice()
    return f"{len(found)} models looked at, {len(made)} new notices", None


def _retrain(schedule: Schedule) -> tuple[str, str]:
    """A usual run as of the last bar, with the champion's settings; its model becomes the challenger."""
    features_compute(series=universe_series(schedule.universe), on_series=lambda *_: None)
    champion = next(iter(active_models(schedule.universe)), None)
    config = {**champion.run.config, "as_of": None} if champion else {"universe": schedule.universe}
    run = universe_run_create(user=None, spec=UniverseSpec.from_dict(config))
    return f"Retraining {run.run_id}", run.run_id


JOBS: dict[Job, Callable[[Schedule], tuple[str, str | None]]] = {
    Job.RECOMMEND: _recommend,
    Job.SCORE: _score,
    Job.DRIFT: _drift,
    Job.RETRAIN: _retrain,
}


def _in_child(pk: int, work: Callable[[], None]) -> None:
    """What ends the child otherwise than by itself is written here."""
    connections.close_all()  # not to be shared over the fork
    child, until = Child.start(work), time.monotonic() + LIMIT_S
    try:
        while not child.wait(TICK_S):
            if STOPPING.is_set():
                return  # left for who finds it abandoned
            if time.monotonic() > until:
                services.schedule_end(pk, ok=False, result=f"Stopped after {LIMIT_S / 60:g} minutes.")
                return
        ending: Ending = child.ending()
    finally:
        child.kill()
    if ending.outcome != Outcome.DONE:
        services.schedule_end(pk, ok=False, result=ending.sentence or "It broke off.")

"""What becomes of a retraining: its verdict, and its activation where a manager has set that rule."""

from predictions.models import Schedule
from predictions.recipes.spec import UniverseJobSpec
from predictions.recommendations.make import active_models
from training.errors import ActiveChanged, GateRefused, RunRefused
from training.evidence.universe import universe_verdicts
from training.models import ModelVersion, Reason, Status
from training.recipes.base import Completed, Work
from training.recipes.universe.recipe import RECIPE as UNIVERSE
from training.registry.activation import model_activate


def combine(work: Work) -> Completed:
    """The new model is the challenger. May be done twice, where the first time was cut off."""
    assert isinstance(work.spec, UniverseJobSpec)
    training = work.run.parts.filter(kind=UNIVERSE.kind).first()
    if training is None:
        raise RunRefused(Reason.BAD_DATA, f"There was no universe {work.spec.universe!r} with bars to train on.")
    if training.status != Status.COMPLETED:
        reason = Reason(training.error_reason) if training.error_reason else Reason.BAD_DATA
        raise RunRefused(reason, f"Retraining {training.run_id} {training.status}: {training.error}".rstrip(": "))
    model = ModelVersion.objects.select_related("run", "series__instrument").get(run=training)
    verdict = universe_verdicts([training])[training.pk]
    sentence = f"Challenger {model.version}: {verdict.label.replace('_', ' ')}."
    schedule = Schedule.objects.select_related("activates_by").filter(pk=work.spec.schedule or 0).first()
    if schedule and schedule.activates_by:
        sentence += f" {_activate(schedule, model)}"
    return Completed(result={"sentence": sentence, "version": model.version, "label": verdict.label})


def _activate(schedule: Schedule, model: ModelVersion) -> str:
    champion = next((active for active in active_models(model.universe) if active.horizon == model.horizon), None)
    if champion != model:
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

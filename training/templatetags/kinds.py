"""Stored names in words: `{{ run.kind|kind_label }}`, `{{ run.error_reason|reason_label }}`,
`{{ run|run_title }}`."""

from django import template

from training.models import Reason, TrainingRun
from training.recipes.candle.page import run_subject
from training.recipes.kinds import label_of

register = template.Library()
register.filter("kind_label", label_of)


@register.filter
def reason_label(reason: str) -> str:
    """Why a run failed, in a few words."""
    return Reason(reason).label if reason in Reason else reason.replace("_", " ")


@register.filter
def run_title(run: TrainingRun) -> str:
    """What a run without a given name is called: what it is about, of universes behind its kind."""
    return run_subject(run) if run.series and run.candle_at else f"{label_of(run.kind)} {run.universe or ''}".strip()

"""Stored names in words: `{{ run.kind|kind_label }}`, `{{ run.error_reason|reason_label }}`."""

from django import template

from training.models import Reason
from training.recipes.kinds import label_of

register = template.Library()
register.filter("kind_label", label_of)


@register.filter
def reason_label(reason: str) -> str:
    """Why a run failed, in a few words."""
    return Reason(reason).label if reason in Reason else reason.replace("_", " ")

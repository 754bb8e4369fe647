"""Refreshes of a source: `{% last_refresh source.name as run %}`."""

from django import template

from training.models import TrainingRun
from training.recipes.refresh.spec import RefreshSpec

register = template.Library()


@register.simple_tag
def last_refresh(source: str) -> TrainingRun | None:
    """The newest run that asked it, whatever came of it."""
    asked = TrainingRun.objects.existing().filter(kind=RefreshSpec.kind, config__source__in=[source, ""])
    return asked.order_by("-pk").first()

"""How long ago something was."""

from datetime import datetime

from django.utils import timezone


def seconds_since(moment: datetime) -> float:
    """Never below zero: the clock may have been set back since, or another host's have written it."""
    return max(0.0, (timezone.now() - moment).total_seconds())

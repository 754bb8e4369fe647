"""How far runs are, in words: how long they will go on, and which of those that wait do so for parts under way."""

from collections.abc import Sequence
from datetime import datetime

from boursomatic.shared.ages import seconds_since
from training.models import Status, TrainingRun

TELLING = 0.05  # progress from which on it tells how long the rest takes
MINUTE = 60  # seconds


def time_left(run: TrainingRun, parts: Sequence[TrainingRun] = ()) -> str:
    """How long until it ends if it goes on as it went; "" while that can't be told."""
    if run.status == Status.RUNNING:
        return _left(run.started_at, run.progress)
    starts = [part.started_at for part in parts if part.started_at]
    if run.status != Status.QUEUED or not starts:
        return ""
    return _left(min(starts), sum(1.0 if part.is_terminal else part.progress for part in parts) / len(parts))


def under_way(runs: Sequence[TrainingRun]) -> set[int]:
    """Primary keys of queued runs that wait for parts of which some have begun. One query."""
    queued = [run.pk for run in runs if run.status == Status.QUEUED]
    parts = TrainingRun.objects.filter(parent__in=queued).exclude(status=Status.QUEUED)
    return {pk for pk in parts.order_by().values_list("parent_id", flat=True).distinct() if pk is not None}


def _left(since: datetime | None, progress: float) -> str:
    if since is None or progress < TELLING:
        return ""
    return duration_text(seconds_since(since) * (1 - progress) / progress)


def duration_text(seconds: float) -> str:
    """about 40 s, about 5 min, about 2 h 10 min."""
    minutes = round(seconds / MINUTE)
    if minutes < 2:
        return f"about {seconds:.0f} s"
    hours, rest = divmod(minutes, 60)
    if hours < 2:
        return f"about {minutes} min"
    return f"about {hours} h {rest} min" if rest else f"about {hours} h"

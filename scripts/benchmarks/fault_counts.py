"""What became of all runs after the kills: counted in the database and among the files."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from django.db.models import Count

from predictions.models import Schedule
from training.artifacts.integrity import inventory
from training.models import ACTIVE, ModelVersion, RunEvent, Status, TrainingRun, Trial
from training.worker.housekeeping import sweep_orphans

WITH_MODEL = ("candle", "universe")
WALKS = ("walk", "walk_confirmation")


def ends_of(pks: Collection[int], *, unrecovered: int) -> dict[str, Any]:
    """`unrecovered`: runs whose process was killed, and which are still held by it."""
    swept, runs = sweep_orphans(), TrainingRun.objects.filter(pk__in=pks)  # as the worker command does, now and then
    artifacts, ended = inventory(), Counter(runs.values_list("status", flat=True))
    gave_up = runs.filter(error_reason="lost_worker").count()
    with_walk = runs.filter(status=Status.CANCELLED, parent__status=Status.FAILED).count()
    active = sum(ended[status] for status in ACTIVE)
    scheduled, by_schedule = Schedule.objects.count(), runs.filter(kind="score").count()
    walks, folds = _families()
    completed = RunEvent.objects.filter(run__in=pks, stage=Status.COMPLETED)
    results = Counter(completed.values_list("run", flat=True))
    models = set(ModelVersion.objects.values_list("run", flat=True))
    done = set(runs.filter(kind__in=WITH_MODEL, status=Status.COMPLETED).values_list("pk", flat=True))
    return {
        "ended": dict(ended),
        "gave_up": gave_up,
        "with_walk": with_walk,
        "scheduled": scheduled,
        "of_universes": runs.filter(kind__in=("universe", *WALKS)).count(),
        "folds": runs.filter(kind="fold").count(),
        "lost": len(pks) - ended[Status.COMPLETED] - gave_up - with_walk - active
        + max(0, scheduled - by_schedule) + walks.count(0) + sum(own < asked for own, asked in folds),
        "doubled": sum(n > 1 for n in results.values()) + max(0, by_schedule - scheduled)
        + sum(own > 1 for own in walks) + sum(own > asked for own, asked in folds) + _numbers_given_twice(),
        "stuck": active + unrecovered,
        "torn": len(artifacts.missing) + len(artifacts.changed) + len(models ^ done),
        "swept": swept,
        "folders": len(artifacts.orphaned),
    }  # fmt: skip


def _families() -> tuple[list[int], list[tuple[int, int]]]:
    """How many walks each completed universe run has, and how many folds each walk, beside what it asked for."""
    completed = TrainingRun.objects.filter(kind="universe", status=Status.COMPLETED)
    walks = list(completed.annotate(walks=Count("jobs")).values_list("walks", flat=True))
    families = TrainingRun.objects.filter(kind__in=WALKS).annotate(own=Count("parts")).values_list("own", "config")
    return walks, [(own, config["folds"]) for own, config in families]


def _numbers_given_twice() -> int:
    """All trials of a series, and all of universes here, which share their members, are one ledger each."""
    return sum(n > 1 for n in Counter(Trial.objects.values_list("series", "k")).values())

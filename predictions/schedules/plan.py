"""What is scheduled for a universe, and when, unless a manager sets another time."""

from dataclasses import dataclass
from datetime import time

from training.recipes.backup.spec import BackupSpec


@dataclass(frozen=True)
class PlannedJob:
    """A kind of run that schedules make. `covers_all`: one of them sees to everything. `at` None: not at a time of day
    but when a universe's bars are final, and only where a source is chosen for it. `admins_only`: seen and changed by
    admins, and none of a universe's usual ones."""

    kind: str
    at: time | None  # UTC, after the last exchanges have closed
    every_days: int = 1
    covers_all: bool = False
    makes_challengers: bool = False
    admins_only: bool = False


PLAN = {
    job.kind: job
    for job in (
        PlannedJob("refresh", None),
        PlannedJob("recommend", time(22, 30)),
        PlannedJob("score", time(22, 40), covers_all=True),
        PlannedJob("drift", time(22, 50), covers_all=True),
        PlannedJob("retrain", time(23, 0), every_days=7, makes_challengers=True),
        PlannedJob("meta_fit", time(23, 30), every_days=7, covers_all=True),
        PlannedJob(BackupSpec.kind, time(2, 30), covers_all=True, admins_only=True),
    )
}

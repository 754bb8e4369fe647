"""The states of a run, whose turn it is, why it fails. Declared here alone; its kinds are in settings.RECIPES."""

from enum import IntEnum

from django.db.models import TextChoices


class Status(TextChoices):
    """queued -> running -> completed | failed | cancelled; running -> queued when a lease is lost."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING)
TERMINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Priority(IntEnum):
    """Whose turn comes first; their names in lower case are those of BOURSOMATIC_QUEUES."""

    CLICK = 0  # somebody has just asked and waits for it
    DATA = 1  # data and recommendations
    ABOUT = 2  # about another run, or a part of one
    CHUNK = 3  # long work in small pieces


class Reason(TextChoices):
    """Why a run failed; the run's `error` says it in a sentence."""

    BAD_DATA = "bad_data", "The data won't do"
    INTEGRITY = "integrity", "A stored file was changed"
    OUT_OF_MEMORY = "out_of_memory", "Out of memory"
    TIME_LIMIT = "time_limit", "Took too long"
    DISK_FULL = "disk_full", "The disk was full"
    STORE = "store", "The store of files was away"
    CLUSTER = "cluster", "The Dask cluster could not do it"
    CRASHED = "crashed", "Crashed"
    BACKUP = "backup", "The backup could not be made"
    LOST_WORKER = "lost_worker", "Lost its worker three times"
    BUG = "bug", "Unexpected error"


class TrialState(TextChoices):
    """How a trial of a study has ended."""

    COMPLETE = "complete", "Complete"
    FAILED = "failed", "Failed"

"""The words that runs are sorted by: their kinds, their states, why they fail. Declared here and nowhere else."""

from django.db.models import TextChoices


class Kind(TextChoices):
    """What a run trains on, or what it finds out about a finished run."""

    CANDLE = "candle", "Candle"
    UNIVERSE = "universe", "Universe"
    CONFIRMATION = "confirmation", "Walk-forward confirmation"
    CONTROL = "control", "Noise control"
    VERIFICATION = "verification", "Verification"
    WALK = "walk", "Walk-forward"
    FOLD = "fold", "Fold of a walk-forward"


# About another run (`subject`): a finished one, or the walk that a fold belongs to. They make no model.
JOBS = (Kind.CONFIRMATION, Kind.CONTROL, Kind.VERIFICATION, Kind.FOLD)


class Status(TextChoices):
    """queued -> running -> completed | failed | cancelled; running -> queued when a lease is lost."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING)
TERMINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Reason(TextChoices):
    """Why a run failed; the run's `error` says it in a sentence."""

    BAD_DATA = "bad_data", "The data won't do"
    INTEGRITY = "integrity", "A stored file was changed"
    OUT_OF_MEMORY = "out_of_memory", "Out of memory"
    TIME_LIMIT = "time_limit", "Took too long"
    DISK_FULL = "disk_full", "The disk was full"
    CRASHED = "crashed", "Crashed"
    LOST_WORKER = "lost_worker", "Lost its worker three times"
    BUG = "bug", "Unexpected error"

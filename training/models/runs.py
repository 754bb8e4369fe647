"""What we learn: runs and the log of each."""

from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Q

from instruments.models import Series
from training.models.states import ACTIVE, TERMINAL, Status
from training.models.trials import Trial


class TrainingRunQuerySet(models.QuerySet["TrainingRun"]):
    def existing(self) -> "TrainingRunQuerySet":
        """Runs that nobody deleted."""
        return self.filter(deleted_at=None)

    def of_kinds(self, kinds: Collection[str]) -> "TrainingRunQuerySet":
        """Runs that are about no other run, of these kinds."""
        return self.filter(subject=None, kind__in=kinds)

    def newest_first(self) -> "TrainingRunQuerySet":
        return self.order_by("-id")

    def light(self) -> "TrainingRunQuerySet":
        """For lists: without the columns that only a run's own page draws."""
        related = self.select_related("series__instrument", "created_by", "description").prefetch_related("tags")
        return related.defer("detail", "error_trace")


class TrainingRun(models.Model):
    """One run of one kind. The row is the truth; the task queue is only the wake-up.

    Only `training.queue.leases` writes the status columns, always by conditional UPDATE on id, token and status.
    """

    run_id = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=20)  # one of settings.RECIPES
    retry_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries")
    parent = models.ForeignKey(  # the unfinished run that this one is a part of
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    subject = models.ForeignKey(  # the finished run that this one is about
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="jobs", db_index=False
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="runs")

    # what was asked for
    series = models.ForeignKey(Series, null=True, on_delete=models.PROTECT, related_name="runs")
    candle_at = models.DateTimeField(null=True)
    config = models.JSONField(default=dict)  # the kind's spec as dict
    params_hash = models.CharField(max_length=64, db_index=True)
    # The last outcome that a search behind these settings looked at: only windows decided then or later judge the run.
    seen_until = models.DateTimeField(null=True)

    priority = models.PositiveSmallIntegerField(default=0)  # a Priority; lower ones have their turn first
    memory = models.BigIntegerField(db_default=0)  # bytes that its data takes; a host that has less passes it over
    counts = models.BooleanField(default=True)  # towards what a person, and the site, may have queued
    # While it is queued or running, and once it is completed, no other run has the same key.
    once_key = models.CharField(max_length=120, null=True, editable=False)

    # how far it is
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=30, default="queued")
    progress = models.FloatField(default=0.0)  # 0 to 1
    message = models.CharField(max_length=300, blank=True)
    live_curve = models.JSONField(default=list)  # [[round, validation loss], …] while it fits
    error = models.TextField(blank=True)  # one plain sentence
    error_reason = models.CharField(max_length=40, blank=True)  # a Reason
    error_trace = models.TextField(blank=True)

    # who holds it
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_beat_at = models.DateTimeField(null=True)  # on training.queue.clock
    worker_host = models.CharField(max_length=120, blank=True)
    worker_pid = models.PositiveIntegerField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    stop_requested_at = models.DateTimeField(null=True)  # end soon, with what there is by then

    # what came out
    result = models.JSONField(default=dict)  # metrics, verdict, splits: what lists and the API show
    detail = models.JSONField(default=dict)  # rows of the test window, curves, baselines: what the run's page draws
    # Of its files, below the artifact root; empty: none, or those of an older version (training.artifacts.storage).
    folder = models.CharField(max_length=200, blank=True, default="", db_default="")

    created_at = models.DateTimeField()
    kicked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deletion = models.UUIDField(null=True, editable=False)  # what was deleted together comes back together

    # what is claimed of it; nothing of a run that has not completed, nor of one about another
    trial = models.ForeignKey(Trial, null=True, on_delete=models.PROTECT, related_name="runs")

    # what lists seek runs by, out of `config` and `result`, which no index covers; of a confirmation: pooled
    protocol = models.CharField(max_length=20, null=True)
    feature_set = models.CharField(max_length=80, null=True)
    universe = models.CharField(max_length=40, null=True)
    auc = models.FloatField(null=True)
    p_value = models.FloatField(null=True)

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "id"], name="run_status"),
            models.Index(fields=["series", "-id"], name="run_series"),
            models.Index(fields=["created_by", "-id"], name="run_person"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="run_deleted"),
            # Without the runs that are about none, or SQLite would seek those by it instead of by `run_listed`.
            models.Index(fields=["subject"], condition=Q(subject__isnull=False), name="run_subject"),
            models.Index(fields=["parent", "status"], condition=Q(parent__isnull=False), name="run_part"),
            # Whatever a list is filtered by, its keys come from this index alone; the rows are read for one page only.
            models.Index(
                fields=[
                    *("-id", "kind", "status", "series", "created_by", "candle_at", "created_at", "auc", "p_value"),
                    *("protocol", "feature_set", "universe", "deleted_at", "subject", "trial"),
                ],
                condition=Q(deleted_at__isnull=True, subject__isnull=True),
                name="run_listed",
            ),
            models.Index(
                fields=["subject", "p_value", "auc", "kind", "status"],
                condition=Q(kind="confirmation", status=Status.COMPLETED),
                name="run_confirmed",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="run_status_known"),
            models.UniqueConstraint(fields=["once_key"], name="run_once"),
            models.CheckConstraint(
                condition=Q(status__in=TERMINAL, finished_at__isnull=False)
                | Q(status__in=ACTIVE, finished_at__isnull=True),
                name="run_finished_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.RUNNING, lease_token__isnull=False) | ~Q(status=Status.RUNNING),
                name="run_running_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return self.run_id

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class RunEvent(models.Model):
    """One line of a run's log. Append-only."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    attempt = models.PositiveSmallIntegerField(default=0)
    stage = models.CharField(max_length=30)
    text = models.CharField(max_length=500)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.stage}: {self.text}"


class RunPositions(models.Model):
    """What a run's models bought and sold, position by position; apart from the run, because few pages read them."""

    run = models.OneToOneField(TrainingRun, primary_key=True, on_delete=models.CASCADE, related_name="positions")
    symbols = models.JSONField()  # names of the instruments that `rows` count
    rows = models.BinaryField()  # packed as training.quant.walk_forward.positions.POSITION

    def __str__(self) -> str:
        return f"positions of {self.run_id}"


class IdempotencyKey(models.Model):
    """Remembers for a day what a POST with this key was answered, so that sending it again does nothing twice."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key

"""The hosts and processes that carry runs, and the release that they have to be of."""

from django.db import models

from training.models.runs import TrainingRun


class WorkerProcess(models.Model):
    """A process that carries runs; its beat says that it lives."""

    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()  # on training.queue.clock
    run = models.ForeignKey(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="+")
    release = models.CharField(max_length=60, db_default="")  # boursomatic.shared.source_code.release
    has_store = models.BooleanField(default=True, db_default=True)  # its artifact store is this database's

    class Meta:
        ordering = ["host", "pid"]
        constraints = [models.UniqueConstraint(fields=["host", "pid"], name="worker_once")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class WorkerHost(models.Model):
    """A host with a worker command: what it has, as that command says, and whether it may take runs."""

    name = models.CharField(max_length=120, unique=True)
    cores = models.PositiveSmallIntegerField()
    memory = models.BigIntegerField()  # bytes that its runs may take together
    slots = models.PositiveSmallIntegerField()  # runs at a time
    queues = models.JSONField()  # the priorities of the runs that it takes
    ahead_s = models.FloatField()  # its clock before the database's
    beat_at = models.DateTimeField()  # on training.queue.clock
    drained_at = models.DateTimeField(null=True)  # from then on it takes nothing more

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DeployedRelease(models.Model):
    """One row: the release that `migrate` was last called with. Workers of another claim nothing."""

    release = models.CharField(max_length=60)
    deployed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.release

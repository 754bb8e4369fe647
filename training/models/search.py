"""What searches have tried and looked at: no p-value is computed on a row that the search saw. PROTOCOL §7."""

from django.db import models

from instruments.models import Series
from training.models.runs import TrainingRun
from training.models.states import TrialState


class Searched(models.Model):
    """A configuration that a completed search looked at, and the last outcome it saw. Append-only: deleting the search
    doesn't make those rows unseen, so it knows the search as a text."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    params_hash = models.CharField(max_length=64)
    seen_until = models.DateTimeField()
    run_id = models.CharField(max_length=40, db_index=True)  # the search's own

    class Meta:
        indexes = [models.Index(fields=["series", "params_hash", "-seen_until"], name="searched_configuration")]
        constraints = [models.UniqueConstraint(fields=["run_id", "series", "params_hash"], name="searched_once")]

    def __str__(self) -> str:
        return f"{self.params_hash[:8]} until {self.seen_until:%Y-%m-%d}"


class StudyTrial(models.Model):
    """One configuration that a study tried, written when it was done: a study that lost its worker goes on from these.
    One that failed has no figures."""

    study = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="study_trials")
    number = models.PositiveSmallIntegerField()  # from 0 on
    params = models.JSONField()  # as run-poc takes them, without rounds
    rounds = models.PositiveSmallIntegerField(null=True)  # with the least log-loss
    inner = models.FloatField(null=True)  # pooled log-loss over all folds: what the study makes small
    auc = models.FloatField(null=True)  # pooled
    folds = models.JSONField(default=list)  # [{rows, log_loss, auc}, …] in the order of time
    state = models.CharField(max_length=10, choices=TrialState.choices)
    seconds = models.FloatField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="study_trial_once")]

    def __str__(self) -> str:
        return f"trial {self.number} of {self.study}"

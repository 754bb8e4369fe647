"""Trials: what every p-value is adjusted for. They know runs as texts, so that runs may go."""

from django.db import models
from django.db.models import Q

from instruments.models import Series

RETRAINING = "retraining"  # kind of the trial that a universe's retrainings of a calendar year share


class Trial(models.Model):
    """One configuration, completed at one candle or day on the same data: the k-th of its ledger. Append-only.

    `k` and `level` are given when the run completes; `p_value` and `label` are written once, by what judges it: a
    candle run's confirmation, a universe run or walk itself. Until then `label` is what the run's own window shows,
    `weak` at most. Without a `level` the label is of before levels: Holm over its ledger.
    """

    kind = models.CharField(max_length=20)  # of the runs that claim it, or RETRAINING
    scope = models.CharField(max_length=60)  # what the ledger is named after: "SPY 1d", or a universe
    series = models.ForeignKey(Series, null=True, on_delete=models.PROTECT, related_name="trials")
    members = models.JSONField(default=list)  # ids of the instruments that had rows, ascending; of a candle none
    params_hash = models.CharField(max_length=64)
    data_hash = models.CharField(max_length=64, blank=True)  # "" where no run is left that could say
    as_of = models.DateTimeField()  # the candle; of a universe the day
    k = models.PositiveIntegerField()
    level = models.FloatField(null=True)
    p_value = models.FloatField(null=True)
    label = models.CharField(max_length=12)  # a Label (training/quant/candle/verdict.py)
    run_id = models.CharField(max_length=40)  # the first run that tried it
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            # The Trials page reads these alone, however many trials a series has: counts and the order by p, and k.
            models.Index(fields=["series", "p_value", "label"], name="trial_p_values"),
            models.Index(fields=["series", "-k"], name="trial_numbers"),
            models.Index(fields=["scope"], condition=Q(series=None), name="trial_of_universes"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["scope", "params_hash", "as_of", "data_hash", "kind"], name="trial_once"),
            models.CheckConstraint(
                condition=Q(p_value__isnull=True) | Q(p_value__gt=0, p_value__lte=1), name="trial_p"
            ),
            models.CheckConstraint(condition=Q(k__gte=1), name="trial_k"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.as_of:%Y-%m-%d} {self.params_hash[:8]}"


class TrialLock(models.Model):
    """The row that a transaction locks before it counts a ledger's trials, so that no two get the same k. Ledgers of
    universes grow together, so that all of them have one."""

    name = models.CharField(max_length=60, primary_key=True)

    def __str__(self) -> str:
        return self.name

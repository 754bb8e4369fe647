"""The ledgers of tries that verdicts are adjusted by. They know runs as texts, so that runs may go."""

from django.db import models
from django.db.models import Q

from instruments.models import Series


class Try(models.Model):
    """One configuration tried at one candle of a series: the ledger that verdicts are adjusted by.

    Append-only; deleting a run doesn't delete its try. `p_value` is written once, by the confirmation; until then it
    counts as 1.
    """

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="tries")
    params_hash = models.CharField(max_length=64)
    candle_at = models.DateTimeField()
    run_id = models.CharField(max_length=40)  # the first run that tried it; a text, so that the run may go
    p_value = models.FloatField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "tries"
        constraints = [
            models.UniqueConstraint(fields=["series", "params_hash", "candle_at"], name="try_once"),
            models.CheckConstraint(condition=Q(p_value__isnull=True) | Q(p_value__gt=0, p_value__lte=1), name="try_p"),
        ]
        indexes = [models.Index(fields=["series", "p_value"], name="try_standing")]

    def __str__(self) -> str:
        return f"{self.series_id} {self.candle_at:%Y-%m-%d} {self.params_hash[:8]}"


class UniverseTry(models.Model):
    """One configuration tried on one universe as of one day of it. Append-only, as Try; the run itself gives `p_value`
    (null where its strategy never traded: then it counts as 1)."""

    universe = models.CharField(max_length=40)
    params_hash = models.CharField(max_length=64)
    as_of = models.DateField()
    run_id = models.CharField(max_length=40)  # the first run that tried it; a text, so that the run may go
    p_value = models.FloatField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "universe tries"
        constraints = [
            models.UniqueConstraint(fields=["universe", "params_hash", "as_of"], name="universe_try_once"),
            models.CheckConstraint(
                condition=Q(p_value__isnull=True) | Q(p_value__gt=0, p_value__lte=1), name="universe_try_p"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.universe} {self.as_of} {self.params_hash[:8]}"

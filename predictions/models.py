"""What we advise: predictions as they were served, held until their outcome is known, and what came of them."""

from django.db import models
from django.db.models import F, Q

from instruments.models import Series


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def pending(self) -> "PredictionQuerySet":
        return self.filter(outcome=None)

    def scored(self) -> "PredictionQuerySet":
        return self.filter(outcome__isnull=False)


class Prediction(models.Model):
    """What a model said of a candle whose future had not happened yet. The first time counts; never rewritten.

    Only `outcome`, `target_at` and `scored_at` are added, once, when the next candle has come. The run is a text: what
    was said stays said when the run goes.
    """

    run_id = models.CharField(max_length=40)
    model_hash = models.CharField(max_length=64)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="predictions")
    candle_at = models.DateTimeField()  # the candle at whose close it is made
    probability = models.FloatField()
    features_hash = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    outcome = models.PositiveSmallIntegerField(null=True)  # 1: the next candle closed higher
    target_at = models.DateTimeField(null=True)  # that candle
    scored_at = models.DateTimeField(null=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["candle_at", "id"]
        indexes = [models.Index(fields=["series"], condition=Q(outcome=None), name="prediction_pending")]
        constraints = [
            models.UniqueConstraint(fields=["run_id", "series", "candle_at"], name="prediction_once"),
            models.CheckConstraint(condition=Q(probability__gte=0, probability__lte=1), name="prediction_probability"),
            models.CheckConstraint(
                condition=Q(outcome=None, target_at=None, scored_at=None)
                | Q(outcome__in=[0, 1], target_at__gt=F("candle_at"), scored_at__isnull=False),
                name="prediction_scored_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.candle_at:%Y-%m-%d}: {self.probability:.3f}"

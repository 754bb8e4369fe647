"""The models that runs have made, and which of them was active when."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from instruments.models import Series
from training.models.runs import TrainingRun


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def existing(self) -> "ModelVersionQuerySet":
        """Models of runs that nobody deleted."""
        # Not by a join: deleted runs are few, and have an index.
        return self.exclude(run__in=TrainingRun.objects.filter(deleted_at__isnull=False))

    def light(self) -> "ModelVersionQuerySet":
        """With run and series, without the columns that only a run's own page draws."""
        return self.select_related("run__description", "series__instrument").defer("run__detail", "run__error_trace")


class ModelVersion(models.Model):
    """A trained model: exactly one for each completed run."""

    version = models.CharField(max_length=60, unique=True)
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="model_version")
    kind = models.CharField(max_length=20)  # its run's
    series = models.ForeignKey(Series, null=True, on_delete=models.PROTECT, related_name="model_versions")
    universe = models.CharField(max_length=40, blank=True)  # its name; empty for a candle model
    horizon = models.PositiveSmallIntegerField(default=1)  # in bars
    params_hash = models.CharField(max_length=64)
    data_hash = models.CharField(max_length=64)
    model_hash = models.CharField(max_length=64)
    metrics = models.JSONField(default=dict)
    folder = models.CharField(max_length=200)  # below the artifact root
    files = models.JSONField(default=dict)  # file name -> SHA-256
    trained_at = models.DateTimeField()
    is_active = models.BooleanField(default=False)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Whatever the list is filtered or sorted by, its keys come from this index alone.
            models.Index(
                fields=["-id", "kind", "series", "universe", "horizon", "is_active", "trained_at", "run"],
                name="model_listed",
            ),
            models.Index(fields=["kind"], name="model_kind"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["series"], condition=Q(is_active=True), name="one_active_candle_model"),
            models.UniqueConstraint(
                fields=["universe", "horizon"],
                condition=Q(is_active=True) & ~Q(universe=""),
                name="one_active_universe_model",
            ),
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def scope(self) -> dict[str, Any]:
        """What it speaks of; at most one model of a scope is active. Needs `series__instrument` loaded."""
        if self.series:
            return {
                "symbol": self.series.instrument.symbol,
                "timeframe": self.series.timeframe,
                "horizon": self.horizon,
            }
        return {"universe": self.universe, "timeframe": "1d", "horizon": self.horizon}


class Activation(models.Model):
    """One change of the active model of a scope. Append-only, by texts, so that it outlives models and runs."""

    scope = models.CharField(max_length=100)  # as `SPY 1d` or `few 1d, 20 bars`
    version = models.CharField(max_length=60, blank=True)  # empty: none from now on
    previous = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=500)
    overridden = models.BooleanField(default=False)  # the gate refused, and `reason` says why it was done all the same
    gate = models.JSONField(default=list)  # [{"check", "passed", "value", "needed"}, …]

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["scope", "-id"], name="activation_scope")]

    def __str__(self) -> str:
        return f"{self.scope}: {self.version or 'none'}"


class StoreMarker(models.Model):
    """One row: the marker that the artifact store of this database has, too."""

    marker = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.marker

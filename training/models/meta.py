"""What the meta-predictor learns from beside the trials of studies, and what was claimed of it. PROTOCOL §7.6."""

from django.db import models

from instruments.models import Series
from training.models.runs import TrainingRun


class MetaState(models.Model):
    """What the market was like at the candle that a study stands at: of bars up to it, so made once."""

    study = models.OneToOneField(TrainingRun, primary_key=True, on_delete=models.CASCADE, related_name="meta_state")
    state = models.JSONField()  # in the order of training.quant.search.market_state.STATE; null is NaN

    def __str__(self) -> str:
        return f"state of {self.study}"


class MetaPair(models.Model):
    """What was advised at a study's candle, from what was over by then, walked beside `steady`. Append-only: deleting
    the study takes no pair out of the claim, so it knows the study as a text."""

    study_id = models.CharField(max_length=40, unique=True)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    scores = models.JSONField()  # time, up, steady, nearest, trees: lists of a value a bar, as PairScores has them
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"pair at {self.study_id}"


class MetaLook(models.Model):
    """A look at all pairs together, the k-th of its ledger; one a month at most. Append-only, fixed when it is made."""

    k = models.PositiveIntegerField(unique=True)
    month = models.CharField(max_length=7, unique=True)  # 2026-11
    made_at = models.DateTimeField()
    pairs = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()  # bars
    learner = models.CharField(max_length=10)  # that did better
    difference = models.FloatField()  # its AUC less that of steady
    p_value = models.FloatField()
    level = models.FloatField()  # that p must stay below

    class Meta:
        ordering = ["k"]

    def __str__(self) -> str:
        return f"look {self.k}, {self.month}"

    @property
    def is_better(self) -> bool:
        """Than `steady`, by more than luck."""
        return self.p_value < self.level

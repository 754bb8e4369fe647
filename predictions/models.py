"""What we advise: predictions as they were served, held until their outcome is known, and what came of them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from instruments.models import Series
from training.recipes.kinds import label_of


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def pending(self) -> "PredictionQuerySet":
        return self.filter(scored_at=None)

    def scored(self) -> "PredictionQuerySet":
        """Those that have an outcome: after an unmoved close there is none."""
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

    outcome = models.PositiveSmallIntegerField(null=True)  # 1: the next candle closed higher; null: unmoved or to come
    target_at = models.DateTimeField(null=True)  # that candle
    scored_at = models.DateTimeField(null=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["candle_at", "id"]
        indexes = [models.Index(fields=["series"], condition=Q(scored_at=None), name="prediction_pending")]
        constraints = [
            models.UniqueConstraint(fields=["run_id", "series", "candle_at"], name="prediction_once"),
            models.CheckConstraint(condition=Q(probability__gte=0, probability__lte=1), name="prediction_probability"),
            models.CheckConstraint(
                condition=Q(outcome=None, target_at=None, scored_at=None)
                | (Q(outcome=None) | Q(outcome__in=[0, 1])) & Q(target_at__gt=F("candle_at"), scored_at__isnull=False),
                name="prediction_scored_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.candle_at:%Y-%m-%d}: {self.probability:.3f}"


class Label(models.TextChoices):
    """What is advised; the order of training.quant.universe.panel.CLASSES."""

    SELL = "SELL", "Sell"
    HOLD = "HOLD", "Hold"
    BUY = "BUY", "Buy"


class RecommendationFlag(models.TextChoices):
    """What to know of a recommendation before heeding it."""

    OUT_OF_RANGE = "out_of_range", "A feature lies beyond everything that the model was trained on"
    STALE = "stale", "The last bar is too old: nothing is said"
    NO_FEATURES = "no_features", "Too few bars for features: nothing is said"
    IN_SAMPLE = "in_sample", "The model has seen this day's outcome: it proves nothing"
    OPEN_FINDING = "open_finding", "A check had found something in its recent bars that nobody had settled"
    ENDED = "ended", "It stopped trading before the horizon was over: its return is up to its last close"


class RecommendationSetQuerySet(models.QuerySet["RecommendationSet"]):
    def counting(self) -> "RecommendationSetQuerySet":
        """Those that a model is held to: said in time, of days that it had not seen."""
        return self.filter(in_sample=False, replay=False)

    def newest_first(self) -> "RecommendationSetQuerySet":
        return self.order_by("-as_of", "-id")


class RecommendationSet(models.Model):
    """What one model said of its universe on one day: once for each version and day, never rewritten.

    The model is named by texts, and its promise kept beside them: what was said stays said when the model goes.
    """

    version = models.CharField(max_length=60)
    model_hash = models.CharField(max_length=64)
    universe = models.CharField(max_length=40)
    horizon = models.PositiveSmallIntegerField()
    buy_threshold = models.FloatField()
    sell_threshold = models.FloatField()
    promise = models.JSONField()  # {"precision", "interval"} of BUY on the model's test days; null where undefined
    lost = models.JSONField(default=list)  # symbols that it was trained on and that the universe no longer has
    as_of = models.DateField()  # the session at whose close it speaks
    in_sample = models.BooleanField()
    replay = models.BooleanField(default=False)  # said after the event, and counted apart
    made_at = models.DateTimeField()
    is_open = models.BooleanField(default=True)  # some of its rows wait for their outcome
    score = models.JSONField(default=dict)  # a DayScore (predictions/quant/score.py): sums over what was scored so far

    objects = RecommendationSetQuerySet.as_manager()

    class Meta:
        ordering = ["-as_of", "-id"]
        indexes = [models.Index(fields=["id"], condition=Q(is_open=True), name="recommended_open")]
        constraints = [models.UniqueConstraint(fields=["version", "as_of"], name="recommended_once")]

    def __str__(self) -> str:
        return f"{self.version} {self.as_of}"


class Tranche(models.Model):
    """What following a set's BUYs has earned so far, beside equal weight of its instruments; rewritten with each new
    bar until the horizon's last close. A table of its own: sets are read with every recommendation."""

    set = models.OneToOneField(RecommendationSet, on_delete=models.PROTECT, primary_key=True, related_name="tranche")
    is_over = models.BooleanField()  # sold
    days = models.BinaryField()  # what it earned day by day, as DAYS of predictions/quant/money.py
    positions = models.JSONField()  # of each BUY that was bought, by rank: a Position, with the recommendation's `row`

    def __str__(self) -> str:
        return f"tranche of set {self.set_id}"


class RecommendationQuerySet(models.QuerySet["Recommendation"]):
    def pending(self) -> "RecommendationQuerySet":
        return self.filter(set__is_open=True, realised_return=None).exclude(label="")

    def light(self) -> "RecommendationQuerySet":
        """For lists: without the features, with what they name."""
        return self.select_related("set", "series__instrument").defer("features")


class Recommendation(models.Model):
    """One instrument's line of a set. Only the outcome is added, once, when the horizon's last bar has come, or, with
    the flag ENDED, when it was waited for long enough."""

    set = models.ForeignKey(  # the constraint below is its index; fewer indexes make scoring quicker
        RecommendationSet, on_delete=models.PROTECT, related_name="rows", db_index=False
    )
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="recommendations")
    bar_at = models.DateTimeField(null=True)  # the instrument's last bar then; null where it had none
    label = models.CharField(max_length=4, choices=Label.choices, blank=True)  # empty: nothing is said
    p_buy = models.FloatField(null=True)
    p_hold = models.FloatField(null=True)
    p_sell = models.FloatField(null=True)
    expected_return = models.FloatField(null=True)
    rank = models.PositiveIntegerField(null=True)  # 1: highest score of the day
    flags = models.JSONField(default=list)  # of Flag
    features = models.BinaryField()  # what the model was given: float32, little-endian, as panel.COLUMNS

    realised_return = models.FloatField(null=True)
    hit = models.BooleanField(null=True)  # what came is of the class that was said
    target_at = models.DateTimeField(null=True)  # the bar that decided it, or the day that showed it to have ended
    scored_at = models.DateTimeField(null=True)

    objects = RecommendationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["set", "series"], name="recommendation_once"),
            models.CheckConstraint(
                condition=Q(label="", p_buy=None, p_hold=None, p_sell=None, expected_return=None, rank=None)
                | Q(
                    label__in=Label.values,
                    bar_at__isnull=False,
                    p_buy__isnull=False,
                    p_hold__isnull=False,
                    p_sell__isnull=False,
                    expected_return__isnull=False,
                    rank__isnull=False,
                ),
                name="recommendation_said_whole",
            ),
            models.CheckConstraint(
                condition=Q(realised_return=None, hit=None, target_at=None, scored_at=None)
                | Q(
                    realised_return__isnull=False,
                    hit__isnull=False,
                    target_at__gt=F("bar_at"),
                    scored_at__isnull=False,
                ),
                name="recommendation_scored_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.set_id} {self.series_id}: {self.label or 'nothing'}"


class Schedule(models.Model):
    """A kind of run made at a time of day, or, where that is null, `delay_minutes` after a universe's bars are final at
    `source`. Due when `next_run_at` has come; who moves that on by compare-and-set makes the run, so that it is made
    once, however many hosts look and however long none did.

    What follows a refresh has been seen to up to the run `followed_run_id` (predictions.schedules.chain). `retries`:
    how often one that failed is tried again since the last that was made at a close, the one that waits included.
    """

    job = models.CharField(max_length=10)  # the kind of run, one of predictions.schedules.plan.PLAN
    universe = models.CharField(max_length=40)  # scoring and drift see to every universe
    source = models.CharField(max_length=40, blank=True)
    time_of_day = models.TimeField(null=True)  # UTC
    delay_minutes = models.PositiveSmallIntegerField(default=10)
    computes_features = models.BooleanField(default=False)
    every_days = models.PositiveSmallIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    activates_by = models.ForeignKey(  # who set the rule that a challenger which passes the gate is activated
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    next_run_at = models.DateTimeField()
    run_id = models.CharField(max_length=40, blank=True)  # of its last run
    followed_run_id = models.CharField(max_length=40, blank=True)
    retries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["universe", "time_of_day", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["job", "universe", "source"], name="schedule_once_a_source"),
            models.CheckConstraint(condition=Q(every_days__gte=1), name="schedule_every_days"),
        ]

    def __str__(self) -> str:
        return f"{label_of(self.job)} {self.universe}" + (f" from {self.source}" if self.source else "")

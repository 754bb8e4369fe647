"""Bars as they are stored, what changed them, what adjusts them, and the features made from them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from instruments.models.instruments import Series
from instruments.quant.actions import DIVIDEND, SPLIT
from instruments.quant.features.daily import get_feature_columns


class ActionKind(models.TextChoices):
    SPLIT = SPLIT, "Split"
    DIVIDEND = DIVIDEND, "Dividend"


class CorporateAction(models.Model):
    """A split or a cash dividend of a series, as instruments.quant.actions.Action has them. One of a kind on a day: two
    dividends of a day are one, their sum. `known_at`: when these numbers were first stored."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="actions")
    ex_day = models.DateField()
    kind = models.CharField(max_length=8, choices=ActionKind.choices)
    ratio = models.FloatField(null=True)
    amount = models.FloatField(null=True)
    source = models.CharField(max_length=60)
    known_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["series", "ex_day", "kind"], name="action_once"),
            models.CheckConstraint(
                condition=Q(kind=ActionKind.SPLIT, ratio__gt=0, amount=None)
                | Q(kind=ActionKind.DIVIDEND, amount__gt=0, ratio=None),
                name="action_is_sound",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.series} {self.ex_day}"


class PriceBar(models.Model):
    """One OHLCV bar. Prices as the source gave them (unadjusted); `adj_close` is adjusted for splits and dividends.

    Where a source has no adjusted close, `adj_close` equals `close`. `timestamp` is the bar's time in UTC as its
    source names it: midnight for daily and weekly bars, the opening time for shorter ones.
    """

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="bars")
    timestamp = models.DateTimeField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.FloatField(default=0.0)
    adj_close = models.FloatField()
    source = models.CharField(max_length=60)

    class Meta:
        ordering = ["series", "timestamp"]
        constraints = [
            models.UniqueConstraint(fields=["series", "timestamp"], name="bar_once"),
            models.CheckConstraint(
                condition=Q(low__gt=0, adj_close__gt=0, volume__gte=0)
                & Q(low__lte=F("open"), high__gte=F("open"))
                & Q(low__lte=F("close"), high__gte=F("close")),
                name="bar_is_sound",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_id} {self.timestamp:%Y-%m-%d %H:%M}"


REPAIR = "repair "  # how the source of repaired bars begins; the finding's number follows


class RevisionKind(models.TextChoices):
    """What changed stored bars."""

    IMPORT = "import", "Import"
    REPAIR = "repair", "Repair"
    UNDO = "undo", "Undone repair"


class BarRevision(models.Model):
    """What one import changed of the bars of a series, so that they can be read as they stood before: append-only, a
    row a series and import (on SQLite a row a transaction of it), written in the transaction that changes the bars.

    Those of a series are undone from the newest back, in the order of their keys; `content` says how
    (`instruments.quant.revisions`). `changed` counts bars that were rewritten or removed, `added` inserted ones;
    `first` and `last` are of both. Where a run did it, `run_id` names it. `mismatch`: where it rewrote bars of another
    source with other closes, how many by how much (`instruments.quant.mismatch`); of revisions of before none.
    """

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    made_at = models.DateTimeField()
    kind = models.CharField(max_length=6, choices=RevisionKind.choices)
    source = models.CharField(max_length=60)
    run_id = models.CharField(max_length=40, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    first = models.DateTimeField()
    last = models.DateTimeField()
    changed = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    content = models.BinaryField()
    mismatch = models.JSONField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["series", "id"], name="revision_series"),
            models.Index(fields=["series"], condition=Q(mismatch__isnull=False), name="revision_mismatch"),
        ]
        constraints = [models.CheckConstraint(condition=Q(kind__in=RevisionKind.values), name="revision_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.series} from {self.source} {self.made_at:%Y-%m-%d %H:%M}"


class Feature(models.Model):
    """The features of one candle; a typed column for each of `get_feature_columns()`, null while its window isn't full.
    A stale bar is no candle and has no row."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="features")
    timestamp = models.DateTimeField()

    class Meta:
        ordering = ["series", "timestamp"]
        constraints = [models.UniqueConstraint(fields=["series", "timestamp"], name="feature_once")]

    def __str__(self) -> str:
        return f"{self.series_id} {self.timestamp:%Y-%m-%d}"


for _name in get_feature_columns():
    Feature.add_to_class(_name, models.FloatField(null=True))


class FeatureState(models.Model):
    """What the stored features of a series were made from: `fingerprint` is the SHA-256 of its candles, so that bars
    that changed under them are noticed, however they were changed."""

    series = models.OneToOneField(Series, on_delete=models.CASCADE, related_name="feature_state")
    feature_set = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["series"]

    def __str__(self) -> str:
        return f"{self.series_id} {self.feature_set} {self.version}"

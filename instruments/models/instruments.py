"""Instruments, named universes of them, and the series of bars that they have."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from instruments.quant.bars import Bars

NO_PRICES = "There are no prices yet. Upload some on the page Data."
SYMBOL_PATTERN = r"[A-Za-z0-9.^=\-_/]{1,32}"


class Timeframe(models.TextChoices):
    """Spacing of bars."""

    HOUR = "1h", "1 hour"
    FOUR_HOURS = "4h", "4 hours"
    DAY = "1d", "1 day"
    WEEK = "1w", "1 week"


class Instrument(models.Model):
    """Something with a price. `symbol` is its name everywhere: pages, API, files.

    `calendar` says on which days it trades (a name of exchange_calendars, or of instruments.quant.calendars), `zone`
    where its day ends; both empty until they are known: then the days of its own bars are all there is to go by.
    """

    symbol = models.CharField(max_length=32, unique=True, validators=[RegexValidator(rf"^{SYMBOL_PATTERN}$")])
    name = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=8, blank=True)
    calendar = models.CharField(max_length=16, blank=True)
    zone = models.CharField(max_length=40, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["symbol"]

    def __str__(self) -> str:
        return self.symbol


class Universe(models.Model):
    """A named set of instruments. The name `all` is reserved: it means every active instrument."""

    name = models.SlugField(max_length=40, unique=True)
    instruments = models.ManyToManyField(Instrument, through="UniverseMember", related_name="universes", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class UniverseMember(models.Model):
    """A stretch of days on which an instrument is in a universe: from `start` to `end`, both included, each open where
    it is null. An instrument may have several, which don't overlap: `instruments` of a universe then has it as often.
    """

    universe = models.ForeignKey(Universe, on_delete=models.CASCADE, related_name="memberships")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="memberships")
    start = models.DateField(null=True, blank=True)
    end = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["universe", "instrument", "start"]
        constraints = [
            models.UniqueConstraint(fields=["universe", "instrument", "start"], name="member_once"),
            models.UniqueConstraint(
                fields=["universe", "instrument"], condition=Q(start__isnull=True), name="member_once_open"
            ),
            models.CheckConstraint(
                condition=Q(start__isnull=True) | Q(end__isnull=True) | Q(end__gte=F("start")), name="member_ends_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} in {self.universe_id} {self.dates or 'always'}"

    @property
    def dates(self) -> str:
        """2010-01-04 to 2013-12-31, or one of both; empty for ever."""
        if self.start and self.end:
            return f"{self.start} to {self.end}"
        return f"from {self.start}" if self.start else f"to {self.end}" if self.end else ""


class Basis(models.TextChoices):
    """By what the prices of a series are adjusted for its splits and dividends when they are read."""

    VENDOR = "vendor", "adjusted closes of its source"
    AS_TRADED = "as_traded", "prices as traded and its own list of actions"


class Series(models.Model):
    """The bars of one instrument at one timeframe, with what pages ask of them most: how many, from when to when.

    `revision` counts imports that changed a bar already stored (adjusted history is rewritten by every dividend);
    `rewritten` counts those bars. `checked_at` is what `updated_at` was when its bars were last checked. What imports
    changed is recorded from `recorded_from` on, or from its first bar (null). A series whose `basis` is as traded is
    adjusted by its actions (instruments.quant.point_in_time); its adj_close isn't looked at.

    `bars_then`: where it isn't None, whoever loads the bars of this object gets these in place of the stored ones, so
    that anything can be made again from bars as they stood (`instruments.store.revisions`).
    """

    bars_then: Bars | None = None

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="series")
    timeframe = models.CharField(max_length=2, choices=Timeframe.choices)
    rows = models.PositiveIntegerField(default=0)
    first = models.DateTimeField(null=True)
    last = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=0)
    rewritten = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)
    checked_at = models.DateTimeField(null=True)
    recorded_from = models.DateTimeField(null=True)
    basis = models.CharField(max_length=10, choices=Basis.choices, default=Basis.VENDOR)

    class Meta:
        ordering = ["instrument__symbol", "timeframe"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["instrument", "timeframe"], name="series_once"),
            models.CheckConstraint(condition=Q(timeframe__in=Timeframe.values), name="series_timeframe"),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="series_basis"),
            models.CheckConstraint(  # a week holds prices of before and after an action
                condition=~Q(basis=Basis.AS_TRADED, timeframe=Timeframe.WEEK), name="series_no_weeks_as_traded"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.timeframe}"

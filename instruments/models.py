"""What we know: instruments, their series of bars, the features of each bar, named universes; sources of bars, and
files on their way in."""

from uuid import uuid4

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from instruments.quant.actions import DIVIDEND, SPLIT
from instruments.quant.bars import Bars
from instruments.quant.features.daily import get_feature_columns

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
    `first` and `last` are of both. Where a run did it, `run_id` names it.
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

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["series", "id"], name="revision_series")]
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


class CalendarSession(models.Model):
    """A day on which an exchange trades, and when it closes (UTC). Written from the earliest bar to a year ahead by
    `fill_calendars` and by checks; read by everybody else, since the library that knows takes seconds to load."""

    calendar = models.CharField(max_length=16)
    day = models.DateField()
    closes_at = models.DateTimeField()
    is_early = models.BooleanField(default=False)

    class Meta:
        ordering = ["calendar", "day"]
        constraints = [models.UniqueConstraint(fields=["calendar", "day"], name="session_once")]

    def __str__(self) -> str:
        return f"{self.calendar} {self.day}"


class Severity(models.TextChoices):
    """Of a finding: worth knowing, worth a look, wrong numbers."""

    INFO = "info", "Info"
    WARN = "warn", "Warning"
    BAD = "bad", "Bad"


RANKS = {Severity.BAD.value: 1, Severity.WARN.value: 2, Severity.INFO.value: 3}


class FindingState(models.TextChoices):
    """`acknowledged`: somebody looked and gave a reason. `gone`: a later check no longer finds it."""

    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    REPAIRED = "repaired", "Repaired"
    GONE = "gone", "Gone"


PRESENT = (FindingState.OPEN, FindingState.ACKNOWLEDGED)  # what the last check found


class Finding(models.Model):
    """A stretch of bars that a check of `instruments.quant.health` names. A finding about days that most instruments of
    a calendar share has no series: it is one, not one of each.

    The next check recognises it by series, calendar, check and first day, and so it keeps its key, state and reason.
    `rank` is the severity as a number, bad ones first, to sort by.
    """

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="findings", null=True)
    calendar = models.CharField(max_length=16, blank=True)
    check_name = models.CharField(max_length=24)
    first = models.DateTimeField()
    last = models.DateTimeField()
    count = models.PositiveIntegerField()
    severity = models.CharField(max_length=4, choices=Severity.choices)
    rank = models.PositiveSmallIntegerField()
    figures = models.JSONField(default=dict)
    text = models.TextField()
    proposal = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=FindingState.choices, default=FindingState.OPEN)
    reason = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["series", "check_name", "first"], condition=Q(series__isnull=False), name="finding_once"
            ),
            models.UniqueConstraint(
                fields=["calendar", "check_name", "first"],
                condition=Q(series__isnull=True),
                name="finding_of_calendar_once",
            ),
            models.CheckConstraint(condition=Q(state__in=FindingState.values), name="finding_state"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="finding_severity"),
        ]
        indexes = [  # what the page filters and sorts by; ascending, as NULLS LAST has it on both databases
            models.Index(fields=["state", "rank", "id"], name="finding_rank"),
            models.Index(fields=["state", "id"], name="finding_state_id"),
            models.Index(fields=["state", "check_name", "rank", "id"], name="finding_check"),
            models.Index(fields=["series", "state", "rank"], name="finding_series_state"),
        ]

    def __str__(self) -> str:
        return f"{self.check_name} of {self.series or self.calendar} {self.first:%Y-%m-%d}"


class ReadingSettings(models.Model):
    """How files of a kind are read, kept by name: `options` as of an upload, without its symbol."""

    name = models.CharField(max_length=40, unique=True)
    options = models.JSONField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "reading settings"

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """Where bars of instruments can be asked for again and again: a kind (instruments.sources), its options, its key.

    The key is encrypted (boursomatic.shared.secrets) and leaves the platform towards its vendor alone; "" where the
    source has none. `name` is what its bars are stored under. `symbols` has instruments that it serves whatever their
    bars are from: symbol -> what the source calls it.
    """

    name = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=20)
    options = models.JSONField(default=dict)
    symbols = models.JSONField(default=dict)
    sealed_key = models.TextField(blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """Files that a manager sent, staged until `expires_at`: looked at first, then stored as bars or forgotten.

    `files` are their names and sizes in bytes. They may be read several times, as `options` say; `readings` counts how
    often, `read_from` is when the last one began. What it found lies beside the files in the artifact storage.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    files = models.JSONField()
    options = models.JSONField(default=dict)
    readings = models.PositiveIntegerField(default=0)
    read_from = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return ", ".join(file["name"] for file in self.files[:3])

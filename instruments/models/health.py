"""When exchanges trade, and what checks say of stored bars."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from instruments.models.instruments import Series


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

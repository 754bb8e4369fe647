"""The clock that heartbeats are written and judged by: one for all processes that share the database.

On PostgreSQL it is the database's, so that a host whose clock is wrong changes nothing. SQLite has no clock of its own,
and the host's may be set at any time; but all its processes are on one host, whose monotonic clock never jumps. That
one counts from the host's start: its times lie in 1970, and beats from before a restart may lie ahead of it.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from boursomatic.shared.clock import of_postgresql


class Clock(Now):
    """What the clock says when the statement is carried out."""

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[str | int, ...]]:
        return "%s", (connection.ops.adapt_datetimefield_value(_monotonic()),)


def stale(beat: str, seconds: float) -> Q:
    """Rows whose last `beat` (a column's name) is longer ago than this; or, from before the clock was set back, lies
    ahead by more: a lost worker would keep its run until then."""
    span = timedelta(seconds=seconds)
    return Q(**{f"{beat}__lt": Clock() - span}) | Q(**{f"{beat}__gt": Clock() + span})


def read() -> datetime:
    """What the clock says, to show ages by."""
    return of_postgresql() if connection.vendor == "postgresql" else _monotonic()


def ahead_s() -> float:
    """How far this host's wall clock is before the database's; 0 on SQLite, which has none."""
    return (datetime.now(UTC) - read()).total_seconds() if connection.vendor == "postgresql" else 0.0


def _monotonic() -> datetime:
    return datetime.fromtimestamp(time.monotonic(), tz=UTC)

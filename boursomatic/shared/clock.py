"""The time of day that all hosts share."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def time_of_day() -> datetime:
    """The database's; on SQLite, which has no clock and one host, the host's own."""
    return of_postgresql() if connection.vendor == "postgresql" else timezone.now()


def of_postgresql() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at

"""PostgreSQL's binary COPY, with Django's exceptions."""

from typing import Any

from django.db.backends.utils import CursorWrapper

HEADER = 19  # bytes before the first row; each row is a field count, and a length before each field
TRAILER = 2  # bytes that end the stream
EPOCH = 946_684_800  # 2000-01-01 UTC, from which PostgreSQL counts microseconds


def copy(cursor: CursorWrapper, statement: str, stream: Any) -> None:
    """Carries out `COPY … TO STDOUT` into `stream`'s write, or `COPY … FROM STDIN` from its read.

    Raises Django's exceptions, which its cursor gives for every other way of asking.
    """
    with cursor.db.wrap_database_errors:
        cursor.copy_expert(statement, stream)

"""CSV that a spreadsheet opens without taking a text for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Numbers stay numbers, times are ISO 8601 in UTC, None is empty; a text that a spreadsheet would run gets an
    apostrophe before it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value

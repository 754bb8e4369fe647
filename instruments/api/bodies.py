"""Long bodies of requests: tables as text/csv, or as JSON."""

from typing import Any

from rest_framework.parsers import BaseParser

from boursomatic.shared.rest import StrictJSONParser, TooLarge

_LARGEST = 20_000_000  # bytes: about 300,000 bars as CSV
_MOST_LINES = 1_000_000  # shorter lines are no rows, and each takes memory


class LongJSONParser(StrictJSONParser):
    """As strict as any JSON here, but long."""

    max_bytes = _LARGEST


class CSVParser(BaseParser):
    """A body of text/csv, as a file."""

    media_type = "text/csv"

    def parse(  # type: ignore[override]  # the stubs know of mappings only
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> str:
        raw: bytes = stream.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise TooLarge(f"The body is larger than {_LARGEST:,} bytes. Send less at once, or upload files.")
        if raw.count(b"\n") > _MOST_LINES:
            raise TooLarge(f"The body has more than {_MOST_LINES:,} lines. Send less at once, or upload files.")
        return raw.decode("utf-8-sig", errors="replace")

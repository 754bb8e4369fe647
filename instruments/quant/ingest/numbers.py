"""Texts of numbers: with a decimal point, or with a decimal comma as in 1 234,56."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

_DECIMAL = re.compile(r"[+-]?\d[\d .\u00a0\u202f]*,\d+", re.ASCII)
_SPACES = {ord(space): None for space in " \u00a0\u202f"}
_TO_POINT = _SPACES | {ord("."): None, ord(","): "."}


def has_decimal_comma(cells: Iterable[Any], *, likely: bool) -> bool:
    """Whether the commas in these cells are decimal ones.

    103,42 tells that they are, 1,234.5 and 1,234,567 that they aren't; where there are only such as 1,234, `likely`
    decides.
    """
    is_told = False
    for cell in cells:
        if isinstance(cell, str) and "," in cell:
            if not _DECIMAL.fullmatch(cell.strip()):
                return False
            is_told = is_told or len(cell.strip().rpartition(",")[2]) != 3
    return is_told or likely


def with_point(cells: Sequence[Any]) -> list[Any]:
    """Texts with a decimal comma, and spaces between thousands, as Python reads numbers; other cells as they are."""
    return [cell.translate(_TO_POINT if "," in cell else _SPACES) if isinstance(cell, str) else cell for cell in cells]

"""On which days an instrument is a member of a universe."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]  # days since 1970-01-01
Mask = NDArray[np.bool_]


class Stretch(NamedTuple):
    """Days since 1970-01-01, both included; None where it is open."""

    start: int | None
    end: int | None

    @property
    def is_open(self) -> bool:
        return self.start is None and self.end is None


Stretches = tuple[Stretch, ...]
ALWAYS: Stretches = (Stretch(None, None),)


def as_of(stretches: Iterable[Stretch], last: int) -> Stretches:
    """What is known of them on the day `last`: those that begin later are left out, an end that is not over yet is
    open."""
    return tuple(
        Stretch(start, None if end is None or end >= last else end)
        for start, end in stretches
        if start is None or start <= last
    )


def member_mask(stretches: Sequence[Stretch], days: Days) -> Mask:
    """(n,) which of `days` (n,) lie in one of them."""
    mask = np.zeros(len(days), dtype=np.bool_)
    for start, end in stretches:
        inside = np.ones(len(days), dtype=np.bool_)
        if start is not None:
            inside &= days >= start
        if end is not None:
            inside &= days <= end
        mask |= inside
    return mask


def overlaps(stretches: Iterable[Stretch]) -> bool:
    """Whether a day lies in two of them."""
    ordered = sorted(stretches, key=lambda stretch: -1e9 if stretch.start is None else stretch.start)
    return any(one.end is None or other.start is None or other.start <= one.end for one, other in pairwise(ordered))

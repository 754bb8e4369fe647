"""What a check finds: a stretch of bars, or of days without one, with its severity, figures and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Seconds

INFO, WARN, BAD = "info", "warn", "bad"
NEAR = 21  # bars between two of them at most, in one stretch
MOST = 20  # stretches of a check in a series; more are one

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Flaw:
    """`times` (n,), ascending: the bars meant, or the midnights of days without one. `figures` must be JSON."""

    check: str
    severity: str
    times: Seconds
    text: str
    proposal: str
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return int(self.times[0])

    @property
    def last(self) -> int:
        return int(self.times[-1])

    @property
    def count(self) -> int:
        return len(self.times)


def stretches(places: Places, *, near: int = NEAR, most: int = MOST) -> list[Places]:
    """Ascending places cut where more than `near` lie between two; all of them as one where that makes too many."""
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(places) > near + 1) + 1
    return [places] if len(cuts) >= most else np.split(places, cuts)


def runs_of(mask: NDArray[np.bool_], shortest: int) -> list[Places]:
    """Unbroken runs of true of at least that length, as places."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [np.arange(start, stop) for start, stop in edges.reshape(-1, 2).tolist() if stop - start >= shortest]

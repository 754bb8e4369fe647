"""Whether two sources give the same bars otherwise than by one factor, as an adjustment would."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from instruments.quant.bars import Floats, Seconds

ROUNDING = 5e-4  # of a close; adjusted ones are rounded
_CENT = 0.012  # prices given to the cent


@dataclass(frozen=True)
class Mismatch:
    """Of `common` bars that another source had stored `bars` got another close, from `first` to `last` (seconds since
    1970); `median` is the median relative difference of these closes, a fraction."""

    sources: Sequence[str]
    first: int
    last: int
    bars: int
    common: int
    median: float


def mismatch_of(time: Seconds, old: Floats, new: Floats, sources: Sequence[str], source: str) -> Mismatch | None:
    """`old` closes (n,) at `time`, ascending, from `sources`, which `source` rewrites as `new`. None where no other
    source had them, closes are the same but for rounding, or all differ by one ratio: a split or a dividend that one of
    the two is adjusted for. Of a single bar no ratio says anything."""
    is_other = np.array([name != source for name in sources], dtype=np.bool_)
    ratio = new[is_other] / old[is_other]
    tolerance = np.maximum(ROUNDING, _CENT / np.minimum(new, old)[is_other])
    differs = np.abs(ratio - 1.0) > tolerance
    if not differs.any():
        return None
    logs = np.log(ratio[differs])
    if len(logs) > 1 and (np.abs(logs - np.median(logs)) <= 2 * tolerance[differs]).all():
        return None
    at = time[is_other][differs]
    others = sorted({name for name, other in zip(sources, is_other.tolist(), strict=True) if other})
    median = float(np.median(np.abs(ratio[differs] - 1.0)))
    return Mismatch(others, int(at[0]), int(at[-1]), len(at), int(is_other.sum()), median)

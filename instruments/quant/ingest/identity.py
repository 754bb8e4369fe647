"""Whether two series are of one instrument: prices of different sources differ, but they move together."""

import numpy as np
from numpy.typing import NDArray

ENOUGH = 10  # common moves below which nothing is said
_SAME = 0.001  # of a price: rounding, and which trade a source takes for the last
_OTHER = 0.5  # of the moves that differ: more, and it is another instrument


def is_other_instrument(
    time: NDArray[np.int64], close: NDArray[np.float64], known_time: NDArray[np.int64], known_close: NDArray[np.float64]
) -> bool:
    """Whether most moves from one common time to the next differ by more than 0.1 % of the price.

    Shapes (n,) and (m,); times ascending, seconds; closes above zero, no NaN. A split, a dividend or a slip changes
    single moves, another adjustment none but those. False where fewer than ENOUGH moves can be compared.
    """
    _, here, there = np.intersect1d(time, known_time, assume_unique=True, return_indices=True)
    if len(here) <= ENOUGH:
        return False
    differences = np.diff(np.log(close[here])) - np.diff(np.log(known_close[there]))
    return bool(np.mean(np.abs(differences) > _SAME) > _OTHER)

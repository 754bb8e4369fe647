"""Whether one of two models orders the same candles better, or only by luck."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.classification import auc_of_ranks, midranks

Floats = NDArray[np.float64]
DRAWS = 10_000
CHUNK = 1_000  # draws at a time, to bound the memory


@dataclass(frozen=True)
class PairedTest:
    """`difference`: AUC of the second less that of the first. `p_value` is two-sided; `p_better` one-sided, of the
    second being the better one."""

    difference: float
    p_value: float
    p_better: float
    rows: int


def paired_auc_test(
    up: Floats,
    first: Floats,
    second: Floats,
    *,
    blocks: NDArray[Any] | None = None,
    draws: int = DRAWS,
    seed: int = 42,
) -> PairedTest | None:
    """Exchanges the two models' ranks candle by candle (Bandos, Rockette & Gur, Statistics in Medicine 24, 2005), or
    block by block where `blocks`, (n,), names each candle's: for candles whose outcomes hang together.

    `up`: (n,) of 0 and 1; `first`, `second`: (n,) scores of the same candles, no NaN. Under no difference either rank
    of a candle may belong to either model: the sign of each difference is drawn anew, and p is (1 + draws whose
    difference is at least as large) / (1 + draws). None with one class. Deterministic for a seed.
    """
    risen = up == 1
    n1, n0 = int(risen.sum()), int((~risen).sum())
    if not n1 or not n0:
        return None
    ranks = midranks(first), midranks(second)
    gaps: Floats = (ranks[1] - ranks[0]) * np.where(risen, 1.0 / n1, -1.0 / n0)
    if blocks is not None:
        gaps = np.asarray(np.bincount(np.unique(blocks, return_inverse=True)[1], weights=gaps), dtype=np.float64)
    observed = float(gaps.sum())
    rng = np.random.default_rng(seed)
    as_far = as_good = 0
    for _ in range(0, draws, CHUNK):
        signs = rng.integers(0, 2, size=(CHUNK, len(gaps))) * 2.0 - 1.0
        drawn = signs @ gaps
        as_far += int(np.sum(np.abs(drawn) >= abs(observed) - 1e-9))
        as_good += int(np.sum(drawn >= observed - 1e-9))
    difference = auc_of_ranks(ranks[1], risen) - auc_of_ranks(ranks[0], risen)
    return PairedTest(difference, (1 + as_far) / (1 + draws), (1 + as_good) / (1 + draws), len(up))

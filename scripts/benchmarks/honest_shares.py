"""Rows of the honesty table: a share held against its bound by an exact binomial test at 1 %."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    accepted: str
    measured: str
    inside: bool

    def __str__(self) -> str:
        return f"| {self.name} | {self.accepted} | {self.measured} | {'inside' if self.inside else 'OUTSIDE'} |"


def at_most(name: str, hits: int, n: int, bound: float) -> Row:
    inside = bool(binomtest(hits, n, bound, alternative="greater").pvalue >= 0.01)
    return Row(name, f"≤ {bound * 100:.2g}%", share_text(hits, n), inside)


def at_least(name: str, hits: int, n: int, bound: float) -> Row:
    inside = bool(binomtest(hits, n, bound, alternative="less").pvalue >= 0.01)
    return Row(name, f"≥ {bound * 100:.2g}%", share_text(hits, n), inside)


def share_text(hits: int, n: int) -> str:
    share = hits / n
    return f"{share:.1%} ± {np.sqrt(share * (1 - share) / n):.1%} ({hits} of {n})"

"""Where Holm's step-down stands in a ledger of tries: from its distinct p-values alone, so that a long one is quick."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.db.models import Case, Count, F, QuerySet, When

from training.quant.candle.verdict import LEVEL


@dataclass(frozen=True)
class Standing:
    """All `tries` of a ledger. `p_values` are its distinct ones, ascending. Each of the other two has one more value,
    for what comes after the last: how many tries lie below, and Holm's adjusted p-value of the largest below."""

    tries: int
    p_values: tuple[float, ...]
    below: tuple[int, ...]
    adjusted: tuple[float, ...]

    @classmethod
    def of(cls, counted: Iterable[tuple[float | None, int]]) -> "Standing":
        """From p-values with how many tries have each; without one (None) they count as 1."""
        counts = list(counted)
        tries = sum(count for _, count in counts)
        known = sorted((p, count) for p, count in counts if p is not None)
        below = tuple(accumulate((count for _, count in known), initial=0))
        steps = (min(1.0, (tries - lower) * p) for (p, _), lower in zip(known, below, strict=False))
        return cls(tries, tuple(p for p, _ in known), below, tuple(accumulate(steps, max, initial=0.0)))

    def adjust(self, p_value: float) -> float:
        """Holm's step-down adjustment (1979): the largest, over the values up to it, of (tries not below) times it."""
        place = bisect_left(self.p_values, p_value)
        return max(self.adjusted[place], min(1.0, (self.tries - self.below[place]) * p_value))

    @property
    def limit(self) -> float:
        """What a p-value must stay below to be evidence: Holm's line where the step-down stops."""
        return LEVEL / max(1, self.tries - self.below[bisect_left(self.adjusted, LEVEL) - 1])


def standings(tries: QuerySet[Any], by: str, *, limits_only: bool = False) -> dict[Any, Standing]:
    """Of each `by` (a column) among `tries`. One query, of as many rows as there are distinct p-values; `limits_only`
    asks for those alone that could be evidence, for which `limit` is right."""
    p_value = Case(When(p_value__lt=LEVEL, then=F("p_value"))) if limits_only else F("p_value")
    groups = tries.order_by().annotate(p=p_value).values(by, "p").annotate(count=Count("pk"))
    counted: dict[Any, list[tuple[float | None, int]]] = defaultdict(list)
    for one in groups:
        counted[one[by]].append((one["p"], one["count"]))
    return {of: Standing.of(counts) for of, counts in counted.items()}

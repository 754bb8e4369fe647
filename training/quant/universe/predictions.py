"""What a universe model says of rows: the same shape for every recipe."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Predictions:
    """Of rows (n,): `probabilities` (n, 3) of SELL, HOLD, BUY; `expected` returns over the horizon; `labels`, places in
    CLASSES; `scores`, higher for what should do better; `beside`, those of the model that is judged beside the model of
    record, NaN where there is none."""

    probabilities: Floats
    expected: Floats
    labels: Ints
    scores: Floats
    beside: Floats

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        return dict(vars(self))

    def where(self, chosen: NDArray[np.bool_]) -> "Predictions":
        """Of the rows that `chosen` (n,) marks."""
        return Predictions(**{name: values[chosen] for name, values in vars(self).items()})

    def to_bytes(self) -> bytes:
        """The same predictions give the same bytes."""
        buffer = io.BytesIO()
        np.savez(buffer, **self.as_arrays())  # type: ignore[arg-type]
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Predictions":
        """Back to the same bits. Raises ValueError."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(**arrays)

    @property
    def has_beside(self) -> bool:
        return bool(len(self.beside)) and not np.isnan(self.beside).all()


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """One after another."""
    names = [field.name for field in fields(Predictions)]
    return Predictions(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

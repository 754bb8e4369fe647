"""What a fit of the meta-predictor is asked for: nothing but that it be done."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class MetaFitSpec:
    """`schedule` is the number of the schedule that asks for it, if one does."""

    kind: ClassVar[str] = "meta_fit"

    schedule: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "MetaFitSpec":
        """Back from what a run stored, or from what a schedule says."""
        return cls(stored.get("schedule"))

    def params_hash(self) -> str:
        """SHA-256 of the kind: all fits are asked for the same."""
        return hashlib.sha256(self.kind.encode()).hexdigest()

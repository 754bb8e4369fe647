"""What a job on a universe's recommendations is asked for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class UniverseJobSpec:
    """`kind` of run over `universe`; `schedule` is the number of the schedule that asks for it, if one does."""

    kind: str
    universe: str
    schedule: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "UniverseJobSpec":
        """Back from what a run stored."""
        return cls(stored["kind"], stored["universe"], stored.get("schedule"))

    def params_hash(self) -> str:
        """SHA-256 over kind and universe."""
        return hashlib.sha256(json.dumps([self.kind, self.universe]).encode()).hexdigest()

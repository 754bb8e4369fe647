"""Which bars are to be checked."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

EVERYTHING = "everything"
CHANGED = "changed"


@dataclass(frozen=True)
class CheckSpec:
    """`of`: every series of an active instrument, or those whose bars changed since they were last checked."""

    kind: ClassVar[str] = "check"

    of: str = EVERYTHING

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "CheckSpec":
        """Back from what a run stored."""
        return cls(CHANGED if stored.get("of") == CHANGED else EVERYTHING)

    def params_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

"""What a backup is asked for: nothing but that it be made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class BackupSpec:
    """Into the folder of the settings, which only whoever runs the site chooses."""

    kind: ClassVar[str] = "backup"

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "BackupSpec":
        """Back from what a run stored."""
        return cls()

    def params_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

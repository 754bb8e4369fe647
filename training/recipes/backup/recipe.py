"""The site backed up: nightly where an admin has scheduled it, and when one asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.recipes.backup.spec import BackupSpec
from training.recipes.base import MEMORY, Prepared


@dataclass(frozen=True)
class BackupRecipe:
    kind: str = "backup"
    label: str = "Back up"
    priority: Priority = Priority.DATA
    time_limit_s: float = 14_400.0
    memory: int = MEMORY
    keep_days: int | None = 30
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "training.recipes.backup.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.backups.show_backup"

    def parse(self, stored: Mapping[str, Any]) -> BackupSpec:
        return BackupSpec.from_dict(stored)

    def prepare(self, spec: BackupSpec) -> Prepared:
        return Prepared()


RECIPE = BackupRecipe()

"""The artifact root held against the database: files that are missing, changed, or that no run knows."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from django.db.models import Q

from boursomatic.accounts.models import AuditEntry
from training.artifacts import marker
from training.artifacts.storage import ArtifactStorage, artifact_storage
from training.models import ACTIVE, ModelVersion, TrainingRun

SWEPT = "run.sweep"  # the audit's word for a run whose row was removed


@dataclass
class Inventory:
    """Paths below the artifact root; `marker` says that it isn't this database's."""

    marker: str = ""
    models: int = 0
    files: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return vars(self)


def inventory() -> Inventory:
    """Reads every file of every model."""
    storage, checked = artifact_storage(), Inventory(marker=marker.problem())
    checked.orphaned = orphans(sure=False)
    for folder, files in ModelVersion.objects.order_by("pk").values_list("folder", "files").iterator():
        checked.models += 1
        for name, expected in sorted(files.items()):
            checked.files += 1
            path = f"{folder}/{name}"
            try:
                if _sha256(storage, path) != expected:
                    checked.changed.append(path)
            except FileNotFoundError:
                checked.missing.append(path)
        checked.orphaned += _unknown(storage, folder, files)
    return checked


def orphans(*, sure: bool) -> list[str]:
    """Folders that belong to no model, to no run that may still make one, and to no part of a run under way.

    `sure`: only of runs that this database knows to have ended or to have been removed. A folder of a run that it has
    never heard of may be another database's, or younger than the backup that was restored: a person decides about it.
    """
    folders = artifact_storage().folders()  # before the rows are read: what is published meanwhile is not seen
    rows = TrainingRun.objects.filter(run_id__in=set(folders.values()))
    recorded = set(rows.values_list("run_id", flat=True).iterator())
    needed = rows.filter(Q(status__in=ACTIVE) | Q(parent__status__in=ACTIVE))
    waiting = set(needed.values_list("run_id", flat=True).iterator())
    modelled = set(ModelVersion.objects.filter(folder__in=folders).values_list("folder", flat=True).iterator())
    if sure and (unheard := set(folders.values()) - recorded):
        recorded |= set(AuditEntry.objects.filter(action=SWEPT, subject__in=unheard).values_list("subject", flat=True))
    return [
        folder
        for folder, run_id in folders.items()
        if folder not in modelled and run_id not in waiting and (run_id in recorded or not sure)
    ]


def discard(paths: list[str]) -> None:
    for path in paths:
        artifact_storage().discard(path)


def _unknown(storage: ArtifactStorage, folder: str, files: dict[str, str]) -> Iterator[str]:
    """What lies in a model's folder and is none of its files."""
    try:
        inside = storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (str(PurePosixPath(folder, name)) for name in sorted({*inside[0], *inside[1]} - files.keys()))


def _sha256(storage: ArtifactStorage, path: str) -> str:
    with storage.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""An upload stored as bars."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from instruments.imports.uploads import upload_columns, upload_find
from training.models import Priority
from training.quant.candle.spec import SpecError
from training.recipes.base import MEMORY, Prepared
from training.recipes.store.spec import StoreSpec

GONE = "The upload is gone; it is kept for an hour. Upload the files again."


@dataclass(frozen=True)
class StoreRecipe:
    kind: str = "store"
    label: str = "Store"
    priority: Priority = Priority.DATA
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = 180
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.store.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.data.show_store"

    def parse(self, stored: Mapping[str, Any]) -> StoreSpec:
        return StoreSpec.from_dict(stored)

    def prepare(self, spec: StoreSpec) -> Prepared:
        upload = upload_find(UUID(spec.upload_id))
        if upload is None:
            raise SpecError({"detail": [GONE]})
        _, columns = upload_columns(upload)
        if unknown := [name for name in spec.columns.values() if name and columns and name not in columns]:
            raise SpecError({"columns": [f"No file has a column {unknown[0][:60]!r}."]})
        return Prepared(universe=spec.universe)


RECIPE = StoreRecipe()

"""A kind of run made for the tests alone: it counts. One folder, and one line of the tests' settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.models import Priority
from training.quant.candle.spec import SpecError
from training.recipes.base import MEMORY, Prepared


@dataclass(frozen=True)
class CountSpec:
    to: int

    @property
    def kind(self) -> str:
        return "count"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def params_hash(self) -> str:
        return hashlib.sha256(f"count {self.to}".encode()).hexdigest()


@dataclass(frozen=True)
class CountRecipe:
    kind: str = "count"
    label: str = "Count"
    priority: Priority = Priority.CHUNK
    time_limit_s: float = 60.0
    memory: int = MEMORY
    keep_days: int | None = 1
    is_listed: bool = True
    only_by_kind: bool = False
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "tests.kinds.count.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show"

    def parse(self, stored: Mapping[str, Any]) -> CountSpec:
        return CountSpec(stored["to"])

    def prepare(self, spec: CountSpec) -> Prepared:
        if spec.to < 1:
            raise SpecError({"to": ["Must be at least 1."]})
        return Prepared()


RECIPE = CountRecipe()

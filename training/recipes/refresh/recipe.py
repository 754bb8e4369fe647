"""Bars brought up to date from their sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instruments.imports.refresh import NotRefreshable, require_refreshable
from instruments.imports.served import require_universe
from instruments.models import Source
from instruments.universes import UnknownUniverse
from training.models import Priority
from training.quant.candle.spec import SpecError
from training.recipes.base import MEMORY, Prepared
from training.recipes.refresh.spec import RefreshSpec


@dataclass(frozen=True)
class RefreshRecipe:
    kind: str = "refresh"
    label: str = "Refresh"
    priority: Priority = Priority.DATA
    time_limit_s: float = 18_000.0  # of a vendor that is asked once a minute
    memory: int = MEMORY
    keep_days: int | None = 180
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.refresh.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.data.show_refresh"

    def parse(self, stored: Mapping[str, Any]) -> RefreshSpec:
        return RefreshSpec.from_dict(stored)

    def prepare(self, spec: RefreshSpec) -> Prepared:
        """Refuses what can't come to anything, unless a schedule asks: its run says it."""
        if spec.schedule is None:
            _require_possible(spec)
        return Prepared(universe=spec.universe)


def _require_possible(spec: RefreshSpec) -> None:
    source = Source.objects.filter(name=spec.source).first()
    if spec.source and source is None:
        names = ", ".join(Source.objects.values_list("name", flat=True)) or "none"
        raise SpecError({"source": [f"There is no source {spec.source!r}. Known: {names}."]})
    if not Source.objects.filter(enabled=True).exists():
        raise SpecError({"source": ["No source is on. Add one on the page Data, Sources."]})
    try:
        if source:
            require_refreshable(source)
        require_universe(spec.universe)
    except NotRefreshable as reason:
        raise SpecError({"source": [str(reason)]}) from reason
    except UnknownUniverse as reason:
        raise SpecError({"universe": [str(reason)]}) from reason


RECIPE = RefreshRecipe()

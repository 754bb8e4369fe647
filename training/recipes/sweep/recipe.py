"""A sweep: a map of candle runs' test windows, or a batch of them, that makes one pooled claim; its chunks are runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from training.models import Priority
from training.quant.candle.spec import parse_time
from training.recipes.base import MEMORY, ChildRun, Prepared
from training.recipes.candle.data import candle_series
from training.recipes.sweep.data import require_candles
from training.recipes.sweep.spec import ChunkSpec, SweepSpec, chunks_of


@dataclass(frozen=True)
class SweepRecipe:
    kind: str = "sweep"
    label: str = "Sweep"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = True
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.sweep.execute.combine"
    as_json: str = "training.recipes.sweep.as_json.sweeps_json"
    answer: str = "training.recipes.sweep.schema.SweepRun"
    page: str = "training.web.views.sweep.show"
    on_part_failure: Literal["fail", "combine_without"] = "combine_without"

    def parse(self, stored: Mapping[str, Any]) -> SweepSpec:
        return SweepSpec.from_dict(stored)

    def prepare(self, spec: SweepSpec) -> Prepared:
        """Raises SpecError for candles that are none; a cell that can't be trained says so by itself."""
        series = candle_series(spec.rows[0])
        require_candles(series, spec)
        feature_sets = {row.feature_set for row in spec.rows}
        return Prepared(
            series,
            parse_time(spec.candles[-1]),
            spec.rows[0].protocol,
            feature_sets.pop() if len(feature_sets) == 1 else None,
        )

    def parts(self, spec: SweepSpec) -> list[ChildRun]:
        return [ChildRun(chunk) for chunk in chunks_of(spec)]


@dataclass(frozen=True)
class ChunkRecipe:
    kind: str = "sweep_chunk"
    label: str = "Chunk of a sweep"
    priority: Priority = Priority.CHUNK
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "training.recipes.sweep.execute.execute_chunk"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show_parent"

    def parse(self, stored: Mapping[str, Any]) -> ChunkSpec:
        return ChunkSpec(**stored)

    def prepare(self, spec: ChunkSpec) -> Prepared:
        return Prepared()


RECIPE = SweepRecipe()
CHUNK = ChunkRecipe()

"""A sweep carried out: each chunk of cells by itself, then the claims over all of them."""

import hashlib
from datetime import UTC, datetime

from instruments.models import Series
from training.errors import RunRefused
from training.evidence.trials import TrialFields
from training.models import Reason, Status, SweepCell, TrainingRun
from training.quant.candle.spec import format_time, parse_time
from training.quant.search.cells import Cell, pool_cells
from training.quant.search.claim import SweepClaim, sweep_claim
from training.quant.search.train_cell import cells_chunk
from training.recipes.base import Completed, SearchedFields, Work
from training.recipes.sweep.data import sweep_data
from training.recipes.sweep.schema import Pooled, RowResult, SweepResult
from training.recipes.sweep.spec import ChunkSpec, SweepSpec, cell_seconds

CHECKPOINT_S = 0.5  # of work that a lost worker takes with it


def execute_chunk(work: Work) -> Completed:
    """The cells of a chunk that an earlier attempt has not finished, each stored soon after it is."""
    chunk, sweep_run = work.spec, work.run.parent
    assert isinstance(chunk, ChunkSpec) and sweep_run is not None and sweep_run.series is not None
    sweep = SweepSpec.from_dict(sweep_run.config)
    specs = {number: sweep.cell(number) for number in range(chunk.first, chunk.stop)}
    work.progress.stage("load", 0.0, f"bars of {sweep_run.series}")
    data = sweep_data(sweep_run.series, list(specs.values()))
    finished = set(_numbers(sweep_run, chunk))
    waiting = [number for number in specs if number not in finished]
    contents = work.work_out(cells_chunk(data.bars, [specs[number] for number in waiting], stale_time=data.stale_time))
    size = max(1, round(CHECKPOINT_S * len(sweep.rows) / sum(cell_seconds(row) for row in sweep.rows)))
    for start in range(0, len(waiting), size):
        done = len(specs) - len(waiting) + start
        work.progress.stage("fit", done / len(specs), f"{done} of {len(specs)} cells are done")
        numbers = waiting[start : start + size]
        work.progress.checkpoint([_row_of(sweep_run, number, next(contents)) for number in numbers])
    return Completed(result={"cells": len(specs), "data_hash": data.hash()})


def combine(work: Work) -> Completed:
    """The claims over the cells that came to something. Raises RunRefused where none did, or bars were changed."""
    sweep, run = work.spec, work.run
    assert isinstance(sweep, SweepSpec) and run.series is not None
    chunks = list(run.parts.order_by("pk"))
    work.progress.stage("load", 0.1, f"{sweep.cells:,} cells")
    data_hash = _data_hash(run.series, sweep, chunks)
    _store_missing(work, chunks)
    cells = {cell.number: Cell.from_bytes(bytes(cell.content)) for cell in SweepCell.objects.filter(sweep=run)}
    trained = [cell for cell in cells.values() if not cell.problem]
    if not trained:
        raise RunRefused(Reason.BAD_DATA, f"No cell could be trained. The first one: {cells[0].problem}")
    work.progress.stage("evaluate", 0.5, f"{len(sweep.rows)} rows against one another")
    rows = [_unseen(sweep, cells, place) for place in range(len(sweep.rows))]
    claim = sweep_claim([pool_cells(row) for row in rows], window=sweep.window, seed=sweep.rows[0].seed)
    last_outcome = datetime.fromtimestamp(max(cell.last_outcome for cell in trained), tz=UTC)
    result = SweepResult(
        rows=[RowResult(candles=len(row), **vars(figures)) for row, figures in zip(rows, claim.rows, strict=True)],
        trained=len(trained),
        failed=sweep.cells - len(trained),
        bars=claim.bars,
        largest=claim.largest,
        p_better=claim.p_better,
        draws=claim.draws,
        evidence=_evidence(claim),
        seen_until=format_time(last_outcome),
        data_hash=data_hash,
    )
    searched = {row.params_hash(): SearchedFields(row.params_hash(), last_outcome) for row in sweep.rows}
    return Completed(
        result=result.as_dict(),
        trial=TrialFields(as_of=parse_time(sweep.candles[-1]), data_hash=data_hash, p_value=claim.p_value),
        searched=list(searched.values()),
    )


def _numbers(sweep_run: TrainingRun, chunk: ChunkSpec) -> list[int]:
    """Those of a chunk's cells that are stored."""
    cells = SweepCell.objects.filter(sweep=sweep_run, number__gte=chunk.first, number__lt=chunk.stop)
    return list(cells.values_list("number", flat=True))


def _row_of(sweep_run: TrainingRun, number: int, content: bytes) -> SweepCell:
    cell = Cell.from_bytes(content)
    return SweepCell(
        sweep=sweep_run, number=number, auc=cell.auc, rows=len(cell.time), problem=cell.problem, content=content
    )


def _data_hash(series: Series, sweep: SweepSpec, chunks: list[TrainingRun]) -> str:
    """SHA-256 over the hashes of what the chunks looked at, which must still be there."""
    hashes = []
    for chunk in chunks:
        numbers = range(chunk.config["first"], chunk.config["stop"])
        hashes.append(sweep_data(series, [sweep.cell(number) for number in numbers]).hash())
        if chunk.status == Status.COMPLETED and chunk.result["data_hash"] != hashes[-1]:
            sentence = f"Bars of {series} were changed while the sweep was under way. Start it again."
            raise RunRefused(Reason.BAD_DATA, sentence)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _store_missing(work: Work, chunks: list[TrainingRun]) -> None:
    """Cells that a chunk did not come to, with the reason."""
    for chunk in chunks:
        spec = ChunkSpec(**chunk.config)
        missing = set(range(spec.first, spec.stop)) - set(_numbers(work.run, spec))
        content = Cell.failed(f"Its chunk ended {chunk.status}. {chunk.error}".strip()).to_bytes()
        if missing:
            work.progress.checkpoint([_row_of(work.run, number, content) for number in sorted(missing)])


def _unseen(sweep: SweepSpec, cells: dict[int, Cell], place: int) -> list[Cell]:
    """The trained cells of a row that no search behind its settings has seen. PROTOCOL §7.1."""
    since = sweep.rows[place].seen_until or ""
    numbers = range(place, sweep.cells, len(sweep.rows))
    return [
        cells[number]
        for number, candle in zip(numbers, sweep.candles, strict=True)
        if not cells[number].problem and candle >= since
    ]


def _evidence(claim: SweepClaim) -> Pooled | None:
    """What lists show of it."""
    if claim.largest is None or claim.p_value is None:
        return None
    return Pooled(claim.rows[claim.largest].auc, claim.p_value)

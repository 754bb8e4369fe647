"""An ensemble of a row of a sweep's map: its cells, each a configuration at a candle of its own, are the members."""

from collections.abc import Mapping
from typing import Any

from training.models import Status, SweepCell, TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.ensemble.spec import FEWEST, MOST, EnsembleSpec, Member, ensemble_of
from training.recipes.sweep.promote import named_row
from training.recipes.sweep.recipe import RECIPE as SWEEP
from training.recipes.sweep.spec import SweepSpec, row_labels


def row_of_request(body: Mapping[str, Any]) -> tuple[TrainingRun, int]:
    """The sweep that the body names and the place of its row. Raises SpecError."""
    name = body["sweep_id"]
    run = TrainingRun.objects.existing().filter(run_id=name, kind=SWEEP.kind).first() if isinstance(name, str) else None
    if run is None:
        raise SpecError({"sweep_id": [f"There is no sweep {str(name)[:40]}; it may have been deleted."]})
    return run, named_row(SweepSpec.from_dict(run.config), body)


def row_ensemble(run: TrainingRun, place: int, how: str) -> EnsembleSpec:
    """Of the newest cells of a row, as many as an ensemble may have, that were trained. Raises SpecError."""
    sweep = SweepSpec.from_dict(run.config)
    if run.status != Status.COMPLETED:
        raise SpecError({"sweep_id": [f"The sweep is {run.status}. Its rows can be used when it has completed."]})
    numbers = trained_cells(run, place)
    if len(numbers) < FEWEST:
        count = f"{len(numbers)} cell{'' if len(numbers) == 1 else 's'}"
        sentence = f"The row {row_labels(sweep)[place]} has {count} that could be trained; {FEWEST} are needed."
        raise SpecError({"train_years": [f"{sentence} Choose another row."]})
    return ensemble_of([_member(run, sweep, number) for number in numbers[-MOST:]], how)


def trained_cells(run: TrainingRun, place: int) -> list[int]:
    """Numbers of a row's cells that came to something, oldest candle first. One query."""
    rows = len(run.config["rows"])
    stored = SweepCell.objects.filter(sweep=run, problem="").order_by("number").values_list("number", flat=True)
    return [number for number in stored if number % rows == place]


def newest_of_text(spec: EnsembleSpec, run: TrainingRun) -> str:
    """ "the newest 20 of 35 cells", or "all 12 cells" of a row that could be trained."""
    place = (spec.members[0].cell or 0) % len(run.config["rows"])
    count, members = len(trained_cells(run, place)), len(spec.members)
    return f"the newest {members} of {count} cells" if count > members else f"all {members} cells"


def _member(run: TrainingRun, sweep: SweepSpec, number: int) -> Member:
    """PROTOCOL §7.1: who chooses a row has seen the whole map."""
    spec = sweep.cell(number)
    return Member(
        run_id=run.run_id,
        spec=spec,
        params_hash=spec.params_hash(),
        data_hash="",
        model_hash="",
        seen_until=max(spec.seen_until or "", run.result["seen_until"]),
        cell=number,
    )

"""A cell of a sweep as a candle run of its own. PROTOCOL §7.1: it carries what the sweep has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from training.models import Status, SweepCell, TrainingRun
from training.quant.candle.spec import OPTIONAL_RANGES, RANGES, CandleSpec, SpecError, format_time, parse_time
from training.recipes.sweep.as_json import params_of
from training.recipes.sweep.spec import SweepSpec

FIELDS = ("candle_date", "train_years", "params", "feature_set", "test_window_size")
PARAMS = (*(name for name, r in RANGES.items() if r.in_params), *OPTIONAL_RANGES)


def promoted_spec(run: TrainingRun, body: Any) -> CandleSpec:
    """The candle run of the cell that the body names; its settings may be left out where they say nothing: where all
    rows have the same. Raises SpecError for no cell or several, and for one that failed."""
    if not isinstance(body, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    _require_known(body, FIELDS)
    _params(body)
    sweep = SweepSpec.from_dict(run.config)
    return cell_spec(run, _candle(sweep, body) * len(sweep.rows) + named_row(sweep, body))


def cell_spec(run: TrainingRun, number: int) -> CandleSpec:
    """The candle run of a cell. Raises SpecError for one that failed, and while the sweep is on its way."""
    if run.status != Status.COMPLETED:
        raise SpecError({"detail": [f"The sweep is {run.status}. A cell can be made a run when it has completed."]})
    sweep = SweepSpec.from_dict(run.config)
    if number >= sweep.cells:
        raise SpecError({"detail": [f"This sweep has {sweep.cells:,} cells."]})
    problem = SweepCell.objects.values_list("problem", flat=True).get(sweep=run, number=number)
    if problem:
        raise SpecError({"candle_date": [f"This cell failed: {problem} Choose another."]})
    own = sweep.rows[number % len(sweep.rows)].seen_until or ""
    return replace(sweep.cell(number), confirm=True, seen_until=max(own, run.result["seen_until"]))


def _require_known(values: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := [str(name)[:60] for name in values if name not in known]:
        raise SpecError({name: [f"Unknown field. Known: {', '.join(sorted(known))}."] for name in unknown})


def _candle(sweep: SweepSpec, body: Mapping[str, Any]) -> int:
    if "candle_date" not in body:
        raise SpecError({"candle_date": ["Required: the candle of a cell, as 2023-06-15T00:00:00Z."]})
    try:
        return sweep.candles.index(format_time(parse_time(body["candle_date"])))
    except ValueError as error:
        text = f"No candle of this sweep. It has {len(sweep.candles):,}, {sweep.candles[0]} to {sweep.candles[-1]}."
        is_date = isinstance(body["candle_date"], str) and "not a date" not in str(error).lower()
        raise SpecError({"candle_date": [text if is_date else str(error)]}) from error


def _params(body: Mapping[str, Any]) -> Mapping[str, Any]:
    params = body.get("params", {})
    if not isinstance(params, Mapping):
        raise SpecError({"params": ["Must be an object, as in the sweep's rows."]})
    _require_known(params, PARAMS)
    return params


def named_row(sweep: SweepSpec, body: Mapping[str, Any]) -> int:
    """The place of the row with the settings that the body names. Raises SpecError for none or several."""
    params = _params(body)
    named = {name: body[name] for name in ("train_years", "feature_set", "test_window_size") if name in body}
    chosen = named | dict(params)
    settings = [params_of(row) | {name: getattr(row, name) for name in named} for row in sweep.rows]
    places = [place for place, own in enumerate(settings) if own | chosen == own]
    if len(places) == 1:
        return places[0]
    names = [name for name in FIELDS[1:] if name in body] or ["train_years"]
    which = "No row" if not places else f"{len(places)} rows"
    raise SpecError(
        {names[-1]: [f"{which} of this sweep match. Send the row's train_years, and params as rows has them."]}
    )

"""What the pages of ensembles are drawn from: the form that makes one of ticked runs or of a row of a map, and an
ensemble's own page."""

from dataclasses import dataclass
from typing import Any

from training.evidence.trials import next_k
from training.models import SweepCell, TrainingRun
from training.quant.candle.spec import DECISION_NAMES, MODEL_NAMES
from training.quant.candle.verdict import next_trial_text
from training.quant.ensemble.spec import HOW, EnsembleSpec
from training.quant.search.cells import Cell
from training.quant.stats.classification import auc_with_interval
from training.recipes.candle.data import candle_series
from training.recipes.candle.page import run_context, run_subject
from training.recipes.ensemble.row import newest_of_text
from training.web.presenters.metrics_table import Figure, auc_figure


@dataclass(frozen=True)
class MemberLine:
    """A member as it was taken; `run` is its own, or the sweep of its `cell`, and None where that was deleted since."""

    run_id: str
    cell: int | None
    run: TrainingRun | None
    name: str
    candle: str
    model: str
    protocol: str
    feature_set: str
    train_years: float
    test_auc: Figure

    @property
    def subject(self) -> str:
        return run_subject(self.run) if self.run else ""


def ensemble_context(run: TrainingRun) -> dict[str, Any]:
    """Everything for the page of an ensemble's run: that of a candle run's, and its members."""
    spec = EnsembleSpec.from_dict(run.config)
    return run_context(run, _settings(spec)) | {
        "members": member_lines(spec),
        "importance_unit": "mean share of its members",
    }


def member_lines(spec: EnsembleSpec) -> list[MemberLine]:
    """Ordered by candle. One query, and one for the figures of cells."""
    names = [member.run_id for member in spec.members]
    rows = TrainingRun.objects.existing().light().filter(run_id__in=names)
    runs = {run.run_id: run for run in rows}
    lines, cells = [], _cells(spec)
    for member in sorted(spec.members, key=lambda member: (member.spec.candle, member.run_id)):
        run = runs.get(member.run_id)
        description = getattr(run, "description", None)
        lines.append(
            MemberLine(
                run_id=member.run_id,
                cell=member.cell,
                run=run,
                name=description.name if description else "",
                candle=member.spec.candle,
                model=MODEL_NAMES[member.spec.model],
                protocol=member.spec.protocol,
                feature_set=member.spec.feature_set,
                train_years=member.spec.train_years,
                test_auc=_auc_of_run(run) if member.cell is None else _auc_of_cell(cells.get(member.cell)),
            )
        )
    return lines


def _cells(spec: EnsembleSpec) -> dict[int, Cell]:
    """By number, those of its members that are stored still."""
    if not spec.sweep_id:
        return {}
    numbers = [member.cell for member in spec.members if member.cell is not None]
    stored = SweepCell.objects.filter(sweep__run_id=spec.sweep_id, number__in=numbers)
    return {number: Cell.from_bytes(bytes(content)) for number, content in stored.values_list("number", "content")}


def _auc_of_run(run: TrainingRun | None) -> Figure:
    test = run.result["test_metrics"] if run else {}
    undefined = test.get("undefined", {})
    why_none = "no test window" if undefined.get("all") else str(undefined.get("auc", ""))
    return auc_figure(test.get("auc"), test.get("auc_interval"), why_none)


def _auc_of_cell(cell: Cell | None) -> Figure:
    if cell is None or cell.auc is None:
        return auc_figure(None, None, "all its candles went the same way" if cell else "")
    return auc_figure(*auc_with_interval(cell.up, cell.percentile_rank))


def new_context(spec: EnsembleSpec) -> dict[str, Any]:
    """For the form: the members, and what is known of the verdict before Start."""
    upcoming = next_trial_text(next_k(candle_series(spec)), spec.symbol)
    sweep = TrainingRun.objects.get(run_id=spec.sweep_id) if spec.sweep_id else None
    return {
        "members": member_lines(spec),
        "how": list(HOW.items()),
        "spec": spec,
        "row": newest_of_text(spec, sweep) if sweep else "",
        "subject": f"{spec.symbol} {spec.timeframe}",
        "upcoming": f"{upcoming[0].upper()}{upcoming[1:]}.",
        "seen_until": spec.seen_until[:10],
    }


def _settings(spec: EnsembleSpec) -> list[tuple[str, str]]:
    """What was asked for, in the words of the form."""
    return [
        ("Members", str(len(spec.members))),
        ("Combined by", HOW[spec.how]),
        ("Test window (candles)", str(spec.test_window_size)),
        ("Decision", DECISION_NAMES[spec.decision]),
        ("Seen up to (UTC)", spec.seen_until),
    ]

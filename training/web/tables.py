"""The columns of the tables of runs, models and trials."""

from typing import Any

from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf

from boursomatic.shared.tables import Column, Table, TableName
from training.evidence.queries import unindexed
from training.models import Description
from training.recipes.candle.page import RunLine
from training.web.presenters.models import ModelLine
from training.web.presenters.trials import Row as TrialRow


def _subject(line: RunLine) -> str:
    return line.run.series.instrument.symbol if line.run.series else line.run.universe or ""


def _verdict(line: RunLine, name: str) -> Any:
    return getattr(line.verdict, name, None)


def _given_name(run: str) -> Combinable:
    """By its key alone, so that no row of a run is read."""
    names = Description.objects.filter(run=OuterRef(run)).exclude(name="").values("name")
    return Subquery(names, output_field=CharField())


def _subject_of(universe: Combinable) -> Combinable:
    return Coalesce(F("series__instrument__symbol"), universe, output_field=CharField())


NAMES = "Sorted by the names that were given to runs"

RUNS = Table[RunLine](
    name=TableName.RUNS,
    columns=(
        Column(
            "run",
            "Run",
            lambda line: line.run.run_id,
            sort=_given_name("pk"),
            title=NAMES,
        ),
        Column(
            "subject",
            "Universe or instrument",
            _subject,
            sort=_subject_of(F("universe")),
        ),
        Column("candle", "Candle", lambda line: line.run.candle_at, sort=unindexed("candle_at"), begins_high=True),
        Column("status", "Status", lambda line: line.run.status, sort=unindexed("status")),
        Column("verdict", "Verdict", lambda line: _verdict(line, "label")),
        Column("auc", "Test AUC", lambda line: line.test_auc.value, sort=unindexed("auc"), is_number=True),
        Column("pooled_auc", "Pooled AUC", lambda line: line.pooled_auc.value, is_number=True),
        Column("person", "By", lambda line: line.person, sort="created_by__username"),
        Column("submitted", "Submitted (UTC)", lambda line: line.run.created_at, sort="pk", begins_high=True),
    ),
    more=(
        Column("name", "Name", lambda line: line.annotations.name),
        Column("tags", "Tags", lambda line: " ".join(line.annotations.tags)),
        Column("kind", "Kind", lambda line: line.run.kind),
        Column("timeframe", "Timeframe", lambda line: line.run.series.timeframe if line.run.series else None),
        Column("p_value", "p", lambda line: _verdict(line, "p_value")),
        Column("trial", "Trial", lambda line: _verdict(line, "trial")),
        Column("error", "Error", lambda line: line.run.error),
    ),
)

MODELS = Table[ModelLine](
    name=TableName.MODELS,
    columns=(
        Column("model", "Model", lambda line: line.model.version, sort=_given_name("run"), title=NAMES),
        Column("kind", "Kind", lambda line: line.model.kind, sort="kind"),
        Column(
            "subject",
            "Universe or instrument",
            lambda line: line.model.universe or (line.model.series.instrument.symbol if line.model.series else ""),
            sort=_subject_of(NullIf(F("universe"), Value(""))),
        ),
        Column("verdict", "Verdict", lambda line: getattr(line.verdict, "label", None)),
        Column(
            "checks",
            "Activation checks",
            lambda line: f"{len(line.refused)} of {line.checks} failed",
            title="By the model's own metrics; its page adds the age of its data and its files",
        ),
        Column(
            "active", "Active", lambda line: "yes" if line.model.is_active else "no", sort="is_active", begins_high=True
        ),
        Column("trained", "Trained (UTC)", lambda line: line.model.trained_at, sort="trained_at", begins_high=True),
    ),
    more=(
        Column("name", "Name of the run", lambda line: line.name),
        Column("run", "Run", lambda line: line.model.run.run_id),
        Column("timeframe", "Timeframe", lambda line: line.model.scope["timeframe"]),
        Column("horizon", "Horizon", lambda line: line.model.horizon),
        Column("p_value", "p", lambda line: getattr(line.verdict, "p_value", None)),
        Column("failed", "Failed checks", lambda line: ", ".join(line.refused)),
    ),
)

TRIALS = Table[TrialRow](
    name=TableName.TRIALS,
    columns=(
        Column("trial", "Trial", lambda row: row.k, sort="k", is_number=True),
        Column("as_of", "Candle or day", lambda row: row.as_of, sort="as_of", begins_high=True),
        Column("settings", "Settings", lambda row: row.params_hash, sort="params_hash"),
        Column("p_value", "p", lambda row: row.p, sort="p_value", is_number=True),
        Column("level", "Needs p below", lambda row: row.level, is_number=True),
        Column("verdict", "Verdict", lambda row: row.label),
        Column("holm", "Holm, for information", lambda row: row.adjusted, is_number=True),
        Column("run", "Run", lambda row: row.run_id),
        Column("completed", "Completed (UTC)", lambda row: row.made_at, sort="made_at", begins_high=True),
    ),
    more=(Column("name", "Name of the run", lambda row: row.name),),
    order="p_value",
    size=100,
)

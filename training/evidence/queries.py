"""Runs by what they are worth, asked of the database as `training.evidence.candle` says it of one run: by the label
and the p-value that their trial fixed."""

from typing import Any

from django.db.models import Exists, F, FloatField, Func, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from training.models import Status, TrainingRun, Trial
from training.quant.candle.verdict import Label

Runs = QuerySet[TrainingRun]


def confirmed_with(**values: Any) -> Runs:
    """Completed confirmations with these values; the run that each is about is its `subject`."""
    return TrainingRun.objects.filter(kind="confirmation", status=Status.COMPLETED, **values).order_by()


class Unindexed(Func):
    """A column that SQLite must not seek by: it would look up every row that the column's own index names, where
    `run_listed` has all that filters ask for. PostgreSQL knows by its statistics which is quicker."""

    template, arity = "%(expressions)s", 1

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="+%(expressions)s")


def unindexed(column: str) -> Unindexed:
    """A column of runs to filter or sort by, of a relation its key."""
    field: Any = TrainingRun._meta.get_field(column)
    return Unindexed(F(column), output_field=getattr(field, "target_field", field))


def having(runs: Runs, column: str, value: Any, lookup: str = "exact") -> Runs:
    """Those whose `column` is `value`; of a relation its key."""
    return runs.alias(**{f"the_{column}": unindexed(column)}).filter(**{f"the_{column}__{lookup}": value})


def best_p_value() -> Coalesce:
    """The p-value that a run is judged by: its trial's, else that of its own window."""
    settled = Trial.objects.filter(pk=OuterRef("trial")).values("p_value")
    return Coalesce(Subquery(settled), F("p_value"), output_field=FloatField())


def with_verdict(runs: Runs, label: Label) -> Runs:
    """Those whose verdict is `label`."""
    return runs.filter(Exists(Trial.objects.filter(pk=OuterRef("trial"), label=label)))

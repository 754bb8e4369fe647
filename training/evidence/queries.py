"""Runs by what they are worth, asked of the database as `training.evidence.candle` says it of one run.

No label is stored: every further try moves Holm's line. What is asked for are the lines as they stand now, one for each
ledger, and then runs by their own p-values and those of their confirmations.
"""

from typing import Any

from django.db.models import Case, F, FloatField, Func, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from training.evidence.multiple_testing import Standing, standings
from training.evidence.universe import OF_UNIVERSES
from training.models import Status, TrainingRun, Try, UniverseTry
from training.quant.candle.verdict import LEVEL, Label

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


def having(runs: Runs, column: str, value: Any, lookup: str = "exact") -> Runs:
    """Those whose `column` is `value`; of a relation its key."""
    field: Any = TrainingRun._meta.get_field(column)
    itself = Unindexed(F(column), output_field=getattr(field, "target_field", field))
    return runs.alias(**{f"the_{column}": itself}).filter(**{f"the_{column}__{lookup}": value})


def best_p_value() -> Coalesce:
    """The p-value that a run is judged by: its confirmation's, else its own."""
    pooled = confirmed_with(subject=OuterRef("pk")).values("p_value")[:1]
    return Coalesce(Subquery(pooled), F("p_value"), output_field=FloatField())


def with_verdict(runs: Runs, label: Label) -> Runs:
    """Those whose verdict is `label` now."""
    if label == Label.NO_EVIDENCE:
        judged = having(runs, "status", Status.COMPLETED).filter(kind__in=("candle", *OF_UNIVERSES))
        return judged.alias(best_p=best_p_value()).filter(Q(best_p__isnull=True) | Q(best_p__gte=LEVEL))
    if label == Label.EVIDENCE:
        return runs.filter(_is_evidence())
    return runs.alias(best_p=best_p_value()).filter(~_is_evidence(), best_p__lt=LEVEL)


def _is_evidence() -> Q:
    pooled = _below(standings(Try.objects.all(), "series_id", limits_only=True), "series")
    books = _below(standings(UniverseTry.objects.all(), "universe", limits_only=True), "universe")
    return Q(pk__in=confirmed_with(p_value__lt=LEVEL).filter(pooled).values("subject")) | (
        Q(kind__in=OF_UNIVERSES, p_value__lt=LEVEL) & books
    )


def _below(ledgers: dict[Any, Standing], by: str) -> Q:
    """p-values below the limit of their own ledger."""
    of_limit: dict[float, list[Any]] = {}
    for name, standing in ledgers.items():
        of_limit.setdefault(standing.limit, []).append(name)
    limits = [When(**{f"{by}__in": names}, then=Value(limit)) for limit, names in of_limit.items()]
    return Q(p_value__lt=Case(*limits, default=Value(LEVEL), output_field=FloatField()))

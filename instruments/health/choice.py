"""Which findings the page and the API show."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import QuerySet

from instruments.models import RANKS, Finding, FindingState, Series, Severity
from instruments.quant.health.checks import LABELS
from instruments.universes import ALL, ever_members

FILTERS = ("symbol", "universe", "severity", "state", "check")


@dataclass(frozen=True)
class Choice:
    """`errors` by filter, where one asks for what there is not; then `rows` has none."""

    rows: QuerySet[Finding]
    errors: dict[str, list[str]] = field(default_factory=dict)


def choose_findings(asked: Mapping[str, str]) -> Choice:
    """By `symbol`, `universe`, `severity`, `state` and `check`; what is empty or left out doesn't matter."""
    rows, errors = Finding.objects.all(), {}
    choices = {"severity": Severity.values, "state": FindingState.values, "check": list(LABELS)}
    given = {name: value for name in FILTERS if (value := asked.get(name, "").strip().replace("\0", ""))}
    for name, values in choices.items():
        if name in given and given[name] not in values:
            errors[name] = [f"Must be one of: {', '.join(values)}."]
    if errors:
        return Choice(rows.none(), errors)
    if "symbol" in given:
        series = Series.objects.filter(instrument__symbol=given["symbol"])
        rows = rows.filter(
            series__in=list(series.values_list("pk", flat=True))
        )  # by key: a join would go through every open finding
    if "universe" in given:
        series = Series.objects.filter(instrument__active=True)
        if given["universe"] != ALL:
            series = series.filter(instrument__in=ever_members(given["universe"]))
        rows = rows.filter(series__in=list(series.values_list("pk", flat=True)))
    if "severity" in given:  # by its rank, which the indexes have
        rows = rows.filter(rank=RANKS[given["severity"]])
    if "state" in given:
        rows = rows.filter(state=given["state"])
    if "check" in given:
        rows = rows.filter(check_name=given["check"])
    return Choice(rows)

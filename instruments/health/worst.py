"""Which names have open findings that are more than worth knowing: what dots beside names go by."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import OuterRef, Subquery

from instruments.models import RANKS, Finding, FindingState, Series, Severity, UniverseMember
from instruments.quant.health.checks import LABELS
from instruments.universes import ALL

SHOWN = (Severity.BAD, Severity.WARN)
_SEVERITIES = {RANKS[severity]: severity.value for severity in SHOWN}


def worst_by_symbol() -> dict[str, str]:
    """The worst severity of the open findings of every instrument that has some. A look into an index for each series,
    however many findings there are."""
    own = Finding.objects.filter(series=OuterRef("pk"), state=FindingState.OPEN).order_by("rank").values("rank")
    series = Series.objects.annotate(worst=Subquery(own[:1])).filter(worst__lte=max(_SEVERITIES)).order_by()
    ranks: dict[str, int] = {}
    for symbol, rank in series.values_list("instrument__symbol", "worst"):
        ranks[symbol] = min(rank, ranks.get(symbol, rank))
    return {symbol: _SEVERITIES[rank] for symbol, rank in ranks.items()}


def open_findings(series: Collection[int], first: datetime, last: datetime) -> dict[int, str]:
    """Of these series (by their keys) the worst open finding about bars between these moments, by its check's label."""
    shown = Finding.objects.filter(state=FindingState.OPEN, rank__lte=max(_SEVERITIES), series__in=series)
    rows = shown.filter(first__lte=last, last__gte=first).order_by("-rank", "last", "pk")
    checks = {pk: check for pk, check in rows.values_list("series_id", "check_name") if pk is not None}
    return {pk: LABELS.get(check, check).lower() for pk, check in checks.items()}


def worst_by_universe(by_symbol: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """The same of every universe that has such members, and how many. No query where nobody has."""
    if not by_symbol:
        return {}
    members: dict[str, set[str]] = {ALL: set(by_symbol)}
    of_theirs = UniverseMember.objects.filter(instrument__symbol__in=by_symbol).order_by()
    for name, symbol in of_theirs.values_list("universe__name", "instrument__symbol"):
        members.setdefault(name, set()).add(symbol)
    return {
        name: (_worst([by_symbol[symbol] for symbol in symbols]), len(symbols)) for name, symbols in members.items()
    }


def _worst(severities: Collection[str]) -> str:
    return min(severities, key=lambda severity: RANKS[severity])

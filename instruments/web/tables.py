"""The columns of the table of instruments."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from boursomatic.shared.tables import Column, Table, TableName
from instruments.models import CorporateAction, Finding, Instrument, Series
from instruments.quant.health.checks import LABELS
from instruments.web.sparklines import Sparkline


@dataclass(frozen=True)
class InstrumentLine:
    """An instrument with one of its series, None where it has no bars. The first has the sparkline. `severity` of the
    series' worst open finding, "" without one."""

    instrument: Instrument
    series: Series | None
    sparkline: Sparkline | None = None
    is_first: bool = True
    severity: str = ""


def _most(column: str) -> Subquery:
    """Over an instrument's series; nothing where it has no bars."""
    return Subquery(_of_instrument().order_by(f"-{column}").values(column)[:1])


def _least(column: str) -> Subquery:
    return Subquery(_of_instrument().order_by(column).values(column)[:1])


def _of_instrument() -> QuerySet[Series]:
    return Series.objects.filter(instrument=OuterRef("pk"), rows__gt=0)


INSTRUMENTS = Table[InstrumentLine](
    name=TableName.INSTRUMENTS,
    columns=(
        Column("symbol", "Symbol", lambda line: line.instrument.symbol, sort="symbol"),
        Column("timeframe", "Timeframe", lambda line: line.series.timeframe if line.series else None),
        Column("year", "Last year", None),
        Column("change", "Change (%)", lambda line: line.sparkline.change if line.sparkline else None, is_number=True),
        Column("bars", "Bars", lambda line: line.series.rows if line.series else 0, sort=_most("rows"), is_number=True),
        Column("first", "First (UTC)", lambda line: line.series.first if line.series else None, sort=_least("first")),
        Column(
            "last",
            "Last (UTC)",
            lambda line: line.series.last if line.series else None,
            sort=_most("last"),
            begins_high=True,
        ),
    ),
    more=(
        Column("name", "Name", lambda line: line.instrument.name),
        Column("currency", "Currency", lambda line: line.instrument.currency),
        Column("active", "Active", lambda line: "yes" if line.instrument.active else "no"),
    ),
    order="symbol",
    size=100,
)


def _about(finding: Finding) -> str:
    return finding.series.instrument.symbol if finding.series else finding.calendar


FINDINGS = Table[Finding](
    name=TableName.FINDINGS,
    columns=(
        Column("subject", "Instrument", _about),
        Column("severity", "Severity", lambda finding: finding.severity, sort="rank"),
        Column("check", "Check", lambda finding: LABELS.get(finding.check_name, finding.check_name)),
        Column("first", "First (UTC)", lambda finding: finding.first),
        Column("last", "Last (UTC)", lambda finding: finding.last),
        Column("count", "Bars", lambda finding: finding.count, is_number=True),
        Column("text", "What was found", lambda finding: finding.text),
        Column("state", "State", lambda finding: finding.state),
        Column("found", "Found (UTC)", lambda finding: finding.found_at, sort="pk", begins_high=True),
    ),
    more=(
        Column("timeframe", "Timeframe", lambda finding: finding.series.timeframe if finding.series else None),
        Column("proposal", "Proposal", lambda finding: finding.proposal),
        Column("reason", "Reason", lambda finding: finding.reason),
        Column("id", "Id", lambda finding: finding.pk),
    ),
    order="rank",
)


ACTIONS = Table[CorporateAction](
    name=TableName.ACTIONS,
    columns=(
        Column("symbol", "Instrument", lambda action: action.series.instrument.symbol),
        Column("timeframe", "Timeframe", lambda action: action.series.timeframe),
        Column("ex_day", "Ex day", lambda action: action.ex_day, sort="ex_day", begins_high=True),
        Column("kind", "Kind", lambda action: action.kind),
        Column("ratio", "New shares for one", lambda action: action.ratio, is_number=True),
        Column("amount", "Cash a share", lambda action: action.amount, is_number=True),
        Column("source", "Source", lambda action: action.source),
        Column("known", "Stored (UTC)", lambda action: action.known_at, sort="pk", begins_high=True),
    ),
    more=(Column("id", "Id", lambda action: action.pk),),
    order="-ex_day",
)

"""The columns of the table of instruments."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from boursomatic.shared.tables import Column, Table, TableName
from instruments.models import Instrument, Series
from instruments.web.sparklines import Sparkline


@dataclass(frozen=True)
class InstrumentLine:
    """An instrument with one of its series, None where it has no bars. The first has the sparkline."""

    instrument: Instrument
    series: Series | None
    sparkline: Sparkline | None = None
    is_first: bool = True


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

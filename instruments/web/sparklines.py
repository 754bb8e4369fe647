"""Small lines of closing prices for lists: a few dozen points of many series, in one query."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q, Window
from django.db.models.functions import Mod, RowNumber

from instruments.models import PriceBar, Series, Timeframe
from instruments.store.actions import read_adjustments

WIDTH, HEIGHT = 120, 28  # pixels
EVERY = 4  # one bar of so many: about 60 points
_SPANS = {  # about 250 bars
    Timeframe.HOUR: timedelta(days=15),
    Timeframe.FOUR_HOURS: timedelta(days=60),
    Timeframe.DAY: timedelta(days=365),
    Timeframe.WEEK: timedelta(days=5 * 365),
}


@dataclass(frozen=True)
class Sparkline:
    """`points` as an SVG polyline takes them; `change` is last over first, minus 1, as a fraction."""

    points: str
    change: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def percent(self) -> float:
        return abs(self.change) * 100


def sparklines(series: list[Series]) -> dict[int, Sparkline]:
    """The line of each series' last year (or less, by timeframe), by the series' id."""
    newest = Q()
    for item in series:
        if item.last is not None:
            newest |= Q(series=item.pk, timestamp__gt=item.last - _SPANS[Timeframe(item.timeframe)])
    if not newest:
        return {}
    number = Window(RowNumber(), partition_by="series_id", order_by=F("timestamp").desc())
    sampled = (
        PriceBar.objects.filter(newest)
        .annotate(number=number)
        .annotate(step=Mod(F("number"), EVERY))
        .filter(step=1)
        .order_by("series_id", "timestamp")
    )
    adjustments = read_adjustments(series)
    closes: dict[int, list[float]] = {}
    for series_pk, timestamp, close, adj_close in sampled.values_list("series_id", "timestamp", "close", "adj_close"):
        adjustment = adjustments.get(series_pk)
        value = adj_close if adjustment is None else close * adjustment.factor(int(timestamp.timestamp()))
        closes.setdefault(series_pk, []).append(value)
    return {series_pk: _line(values) for series_pk, values in closes.items() if len(values) > 1}


def _line(values: list[float]) -> Sparkline:
    low, high = min(values), max(values)
    across, up = WIDTH / (len(values) - 1), (HEIGHT - 4) / ((high - low) or 1)
    points = (f"{i * across:.1f},{HEIGHT - 2 - (value - low) * up:.1f}" for i, value in enumerate(values))
    return Sparkline(points=" ".join(points), change=values[-1] / values[0] - 1)

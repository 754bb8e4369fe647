"""Writes to instruments, series and bars."""

from django.db import transaction
from django.db.models import Count, F, Max, Min
from django.utils import timezone

from instruments.models import PriceBar, Series
from instruments.quant.bars import Bars
from instruments.writing import Written, write_bars


def bars_write(*, series: Series, bars: Bars, source: str) -> Written:
    """Store the bars of one series; equal rows are left alone. Brings the series' own figures up to date."""
    return series_write(parts=[(series, bars)], source=source)[series.pk]


def series_write(*, parts: list[tuple[Series, Bars]], source: str) -> dict[int, Written]:
    """Store the bars of several series at once: what changed, by the series' primary key."""
    written = write_bars([(series, bars) for series, bars in parts if len(bars)], source[:60])
    for series, _ in parts:
        change = written.setdefault(series.pk, Written())
        if change.inserted or change.updated:
            _series_refresh(series, change)
    return written


def _series_refresh(series: Series, change: Written) -> None:
    with transaction.atomic():
        found = PriceBar.objects.filter(series=series).aggregate(
            rows=Count("pk"), first=Min("timestamp"), last=Max("timestamp")
        )
        Series.objects.filter(pk=series.pk).update(
            **found,
            revision=F("revision") + (1 if change.updated else 0),
            rewritten=F("rewritten") + change.updated,
            updated_at=timezone.now(),
        )
    series.refresh_from_db()

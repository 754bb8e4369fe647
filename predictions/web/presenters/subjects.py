"""What the pages of a universe and of an instrument are drawn from: coverage, and all that was made of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import quote

from django.db.models import Case, Count, Max, Min, Prefetch, Q, QuerySet, Value, When
from django.utils import timezone

from boursomatic.shared.csv import csv_text
from instruments.models import Instrument, PriceBar, Series, Timeframe, Universe, UniverseMember
from instruments.quant.coverage import find_gaps, find_splits, is_adjusted
from instruments.store.read_bars import load_marked_many
from instruments.universes import ALL, EARLIEST_FIRST, ever_members, has_only_survivors, members_on
from predictions.models import Recommendation
from training.evidence.trials import ledger_of_universe
from training.models import ModelVersion, TrainingRun, Trial
from training.recipes.candle.page import run_lines
from training.recipes.kinds import listed_kinds
from training.web.presenters.models import model_lines

NEWEST = 10  # runs and models
ADVICE = 20  # the newest recommendations
FOUND = 20  # instruments that a search offers
LISTED = 10  # the newest gaps and splits of a series
UNUSED = 50  # members that no run can use


@dataclass(frozen=True)
class SeriesLine:
    """A series as its instrument's page shows it: how many bars came from where, the newest gaps (last bar before,
    first after, days between) and splits (day, in words), and how many there are."""

    series: Series
    sources: list[tuple[str, int]]
    gaps: list[tuple[datetime, datetime, int]]
    gap_count: int
    splits: list[tuple[datetime, str]]
    split_count: int
    is_adjusted: bool


def universe_members(name: str) -> QuerySet[Series]:
    """The daily series of its active instruments, also of those that left; each instrument with its `stretches`."""
    rows = Series.objects.filter(timeframe=Timeframe.DAY, rows__gt=0, instrument__active=True)
    if name == ALL:
        return rows.select_related("instrument")
    own = UniverseMember.objects.filter(universe__name=name).order_by(EARLIEST_FIRST)
    stretches = Prefetch("instrument__memberships", own, to_attr="stretches")
    return rows.filter(instrument__in=ever_members(name)).select_related("instrument").prefetch_related(stretches)


def members_csv(name: str) -> str:
    """Every stretch of its members, as `import_members` reads it."""
    members = UniverseMember.objects.filter(universe__name=name).order_by("instrument__symbol", EARLIEST_FIRST)
    rows = members.values_list("instrument__symbol", "start", "end")
    return csv_text([["symbol", "from", "to"], *rows])


def universe_context(name: str) -> dict[str, Any]:
    """For `universe.html`, the page of members apart."""
    members = universe_members(name).order_by()
    coverage = members.aggregate(count=Count("pk"), oldest=Min("last"), newest=Max("last"))
    test_first = _test_first(name)
    return {
        "name": name,
        "count": coverage["count"],
        "newest": coverage["newest"],
        "oldest": coverage["oldest"],
        "behind": members.filter(last__lt=coverage["newest"]).count() if coverage["newest"] else 0,
        "test_first": test_first,
        "untested": members.filter(last__lt=test_first).count() if test_first else 0,
        **_dates_context(name),
        "without_bars": _instruments(name).exclude(pk__in=members.values("instrument")).count(),
        "models": _models(Q(universe=name)),
        "runs": _runs(Q(universe=name)),
        "trials": ledger_of_universe(name).count(),
    }


def _dates_context(name: str) -> dict[str, Any]:
    """How many of a universe with dates are members today, and how many come or go on which days."""
    dated = UniverseMember.objects.filter(universe__name=name).exclude(start=None, end=None)
    if name == ALL or not dated.exists():
        return {"is_dated": False, "survivors_only": True}
    today = members_on(name, timezone.now().date()).values("instrument").distinct().count()
    return {"is_dated": True, "survivors_only": has_only_survivors(name), "members_today": today}


def editing_context(name: str, find: str) -> dict[str, Any]:
    """For who may change the members: instruments that are none, and members that no run can use."""
    outside = Instrument.objects.exclude(universes__name=name)
    begins = Case(When(symbol__istartswith=find, then=Value(0)), default=Value(1))
    matching = outside.filter(Q(symbol__icontains=find) | Q(name__icontains=find)).order_by(begins, "symbol")
    used = universe_members(name).order_by().values("instrument")
    return {
        "find": find,
        "found": matching[:FOUND] if find else [],
        "unused": Instrument.objects.filter(pk__in=ever_members(name)).exclude(pk__in=used)[:UNUSED],
    }


def instrument_context(instrument: Instrument) -> dict[str, Any]:
    """For `instrument.html`."""
    all_series = list(instrument.series.order_by("timeframe"))
    return {
        "instrument": instrument,
        "symbol_query": quote(instrument.symbol, safe=""),
        "all_series": _series_lines(all_series),
        "universes": Universe.objects.filter(instruments=instrument).distinct(),
        "models": _models(Q(series__in=all_series)),
        "runs": _runs(Q(series__in=all_series)),
        "trials": Trial.objects.filter(series__in=all_series).count(),
        "recommendations": Recommendation.objects.light().filter(series__in=all_series).order_by("-id")[:ADVICE],
    }


def _instruments(name: str) -> QuerySet[Instrument]:
    active = Instrument.objects.filter(active=True)
    return active if name == ALL else active.filter(pk__in=ever_members(name))


def _series_lines(all_series: list[Series]) -> list[SeriesLine]:
    lines = []
    for series, marked in zip(all_series, load_marked_many(all_series), strict=True):
        bars = marked.bars
        gaps, splits = find_gaps(bars, series.timeframe), find_splits(bars)
        lines.append(
            SeriesLine(
                series=series,
                sources=_sources(series),
                gaps=[(_moment(gap.before), _moment(gap.after), gap.days) for gap in gaps[:LISTED]],
                gap_count=len(gaps),
                splits=[(_moment(split.time), _split_text(split.ratio)) for split in splits[:LISTED]],
                split_count=len(splits),
                is_adjusted=is_adjusted(bars),
            )
        )
    return lines


def _split_text(ratio: float) -> str:
    return f"{round(ratio, 2):g} for 1" if ratio > 1 else f"1 for {round(1 / ratio, 2):g}"


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _test_first(name: str) -> datetime | None:
    """When the test part of its newest model begins."""
    newest = ModelVersion.objects.existing().filter(universe=name).order_by("-pk")
    day = newest.values_list("run__result__borders__test_first", flat=True).first()
    return datetime.combine(date.fromisoformat(day), time.min, tzinfo=UTC) if day else None


def _sources(series: Series) -> list[tuple[str, int]]:
    """How many bars came from where, the most first."""
    counts = PriceBar.objects.filter(series=series).order_by().values_list("source").annotate(bars=Count("pk"))
    return sorted(counts, key=lambda pair: -pair[1])


def _models(of: Q) -> list[Any]:
    return model_lines(list(ModelVersion.objects.existing().filter(of).light()[:NEWEST]))


def _runs(of: Q) -> list[Any]:
    return run_lines(list(TrainingRun.objects.existing().of_kinds(listed_kinds()).filter(of).light()[:NEWEST]))

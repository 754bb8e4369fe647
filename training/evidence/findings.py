"""Open findings about the bars that a run was trained and judged on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Q

from instruments.health.worst import SHOWN
from instruments.models import RANKS, Finding, FindingState, Series, Severity, Timeframe
from training.models import TrainingRun
from training.quant.candle.spec import parse_time

YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class RunFindings:
    """How many are open that are more than worth knowing, how many of these are bad; `query` shows them on Health."""

    count: int
    bad: int
    query: str


def findings_of(run: TrainingRun) -> RunFindings:
    """As they stand now. Of a universe about the members that it had then. At most two queries."""
    first, last = _span(run)
    shown = Finding.objects.filter(state=FindingState.OPEN, rank__lte=max(RANKS[severity] for severity in SHOWN))
    within = shown.filter(series__in=_series(run), first__lte=last, last__gte=first).order_by()
    bad = Count("pk", filter=Q(rank=RANKS[Severity.BAD]))
    figures = within.aggregate(count=Count("pk"), bad=bad)
    about = {"universe": run.universe} if run.universe else {"symbol": run.config.get("symbol", "")}
    return RunFindings(figures["count"], figures["bad"], urlencode({**about, "state": FindingState.OPEN.value}))


def _series(run: TrainingRun) -> list[int]:
    if run.series_id is not None:
        return [run.series_id]
    symbols = run.detail.get("symbols", []) if run.detail else []
    return list(
        Series.objects.filter(timeframe=Timeframe.DAY, instrument__symbol__in=symbols).values_list("pk", flat=True)
    )


def _span(run: TrainingRun) -> tuple[datetime, datetime]:
    """From the first bar that it was trained on to the last that it was judged by."""
    if run.candle_at is not None:
        rows = run.detail.get("test_rows") if run.detail else None
        last = parse_time(rows[-1]["target"]) if rows and rows[-1].get("target") else run.candle_at
        return run.candle_at - run.config.get("train_years", 10) * YEAR, last
    last = datetime.combine(date.fromisoformat(run.result["as_of"]), time.max, tzinfo=UTC)
    return last - timedelta(days=run.config["lookback_days"] + 1), last

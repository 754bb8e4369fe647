"""What adjusting by splits and dividends costs beside the loading of bars, side by side, on the series of a bench."""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from instruments.models import ActionKind, Basis, CorporateAction, Series
from instruments.quant.bars import Bars
from instruments.store.actions import adjustments_of
from instruments.store.columns import featured_candles
from instruments.store.read_bars import load_many, load_marked

QUARTER = timedelta(days=91)
SLICES = 50  # series of which a candle run's bars are loaded
REPEATS = 5


def time_factor(series: Sequence[Series]) -> dict[str, Any]:
    """Seconds, the least of REPEATS, interleaved: of all bars from the database and of their factor; of the cache of
    columns, and of a year's bars of some series, as adjusted by their source and as traded. A dividend a quarter and a
    split each."""
    traded = _as_traded(series)
    featured_candles(series)  # the cache is filled here, once
    featured_candles(traded)
    histories: list[Bars] = []
    steps: dict[str, Callable[[], object]] = {
        "load": lambda: histories.extend(load_many(series)),
        "factor": lambda: _restate(traded, histories),
        "cache_vendor": lambda: featured_candles(series),
        "cache_as_traded": lambda: featured_candles(traded),
        "slices_vendor": lambda: _slices(series),
        "slices_as_traded": lambda: _slices(traded),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(REPEATS):
        histories.clear()
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    least = {name: round(min(values), 4) for name, values in seconds.items()}
    share = round(least["factor"] / least["load"], 3)
    print(f"point-in-time factor: {share:.1%} of a load; {least}", file=sys.stderr)
    return {"share_of_load": share, **least}


def _as_traded(series: Sequence[Series]) -> list[Series]:
    """The same series as other objects, kept as traded; stored as they were."""
    for member in series:
        assert member.first is not None and member.last is not None
        quarters = (member.last - member.first) // QUARTER
        days = [(member.first + k * QUARTER).date() for k in range(1, quarters)]
        rows = [CorporateAction(ex_day=day, kind=ActionKind.DIVIDEND, amount=0.1) for day in days]
        rows.append(CorporateAction(ex_day=days[len(days) // 2], kind=ActionKind.SPLIT, ratio=2.0))
        for row in rows:
            row.series, row.source, row.known_at = member, "bench", timezone.now()
        CorporateAction.objects.bulk_create(rows)
    traded = list(Series.objects.filter(pk__in=[member.pk for member in series]).select_related("instrument"))
    for member in traded:
        member.basis = Basis.AS_TRADED
    return sorted(traded, key=lambda member: member.pk)


def _restate(series: Sequence[Series], histories: Sequence[Bars]) -> None:
    for bars, adjustment in zip(histories, adjustments_of(series, histories), strict=True):
        assert adjustment is not None
        adjustment.restate(bars)


def _slices(series: Sequence[Series]) -> None:
    for member in series[:SLICES]:
        assert member.last is not None
        end = datetime.fromtimestamp(member.last.timestamp(), UTC)
        _ = load_marked(member, start=end - timedelta(days=365), before=80).candles

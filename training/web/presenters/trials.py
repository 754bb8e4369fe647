"""The ledger of tries of one series as its page shows it: sorted by p-value, held against Holm's line."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from instruments.models import Series
from training.models import Status, TrainingRun, Try
from training.quant.candle.spec import TIMEFRAMES
from training.quant.candle.verdict import LEVEL
from training.web.presenters.glossary import NOTES

PAGE = 100  # tries in the table
DRAWN = 300  # tries in the picture
HEIGHT, EDGE = 220, 8  # pixels; across it is percent
FLOOR = 1e-12  # of the picture's logarithmic scale


@dataclass(frozen=True)
class Row:
    """A try at its rank. `p` is None while unconfirmed: it counts as 1 then. `adjusted` is Holm's."""

    rank: int
    candle_at: datetime
    params_hash: str
    run_id: str
    p: float | None
    adjusted: float
    holm: float  # what `p` must stay below at this rank
    is_evidence: bool
    made_at: datetime
    has_run: bool = False


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    row: Row


@dataclass(frozen=True)
class Picture:
    """p-values by rank on a logarithmic scale from `floor` to 1, and Holm's line across."""

    dots: tuple[Dot, ...]
    line: str
    levels: tuple[tuple[float, str], ...]
    height: int = HEIGHT


@dataclass(frozen=True)
class Ledger:
    """`rows` is one page of the ranks; the picture and the counts are of all."""

    total: int
    unconfirmed: int
    evidence: int
    rows: list[Row]
    picture: Picture | None
    following: int | None  # the rank that the next page begins after


def ledger(series: Series, *, after: int = 0) -> Ledger:
    """Two queries: the tries, and which runs of the page still exist."""
    found = ranked(list(Try.objects.filter(series=series).order_by("id")))
    page = found[after : after + PAGE]
    there = set(
        TrainingRun.objects.existing()
        .filter(run_id__in=[row.run_id for row in page], status=Status.COMPLETED)
        .values_list("run_id", flat=True)
    )
    return Ledger(
        total=len(found),
        unconfirmed=sum(row.p is None for row in found),
        evidence=sum(row.is_evidence for row in found),
        rows=[Row(**{**vars(row), "has_run": row.run_id in there}) for row in page],
        picture=_picture(found[:DRAWN]) if found else None,
        following=after + PAGE if len(found) > after + PAGE else None,
    )


def ranked(tries: list[Try]) -> list[Row]:
    """By p-value, the unconfirmed last. Step down: the first try above Holm's line ends the evidence, and no adjusted
    p-value is below one of a smaller p-value."""
    tries = sorted(tries, key=lambda one: 1.0 if one.p_value is None else one.p_value)
    rows, adjusted = [], 0.0
    for position, one in enumerate(tries):
        left = len(tries) - position
        adjusted = max(adjusted, min(1.0, left * (1.0 if one.p_value is None else one.p_value)))
        rows.append(
            Row(
                rank=position + 1,
                candle_at=one.candle_at,
                params_hash=one.params_hash,
                run_id=one.run_id,
                p=one.p_value,
                adjusted=adjusted,
                holm=LEVEL / left,
                is_evidence=one.p_value is not None and adjusted < LEVEL,
                made_at=one.made_at,
            )
        )
    return rows


def _picture(rows: list[Row]) -> Picture:
    lowest = min(*(row.p or 1.0 for row in rows), rows[0].holm, 0.01)
    floor = max(FLOOR, 10.0 ** math.floor(math.log10(lowest)))
    across = 98.0 / max(1, len(rows) - 1)

    def x(row: Row) -> float:
        return round(1 + (row.rank - 1) * across, 3)

    def y(p: float) -> float:
        return round(EDGE + (HEIGHT - 2 * EDGE) * math.log10(max(p, floor)) / math.log10(floor), 1)

    decades = round(-math.log10(floor))
    points = [(x(row), y(row.holm)) for row in rows]
    if len(points) == 1:
        points = [(0, points[0][1]), (100, points[0][1])]
    return Picture(
        dots=tuple(Dot(x(row), y(1.0 if row.p is None else row.p), row) for row in rows),
        line=" ".join(f"{left},{top}" for left, top in points),
        levels=tuple((y(10.0**-at), f"{10.0**-at:g}") for at in range(0, decades + 1, math.ceil(decades / 5))),
    )


def tries_context(query: Mapping[str, str]) -> dict[str, Any]:
    """For `tries.html`: the series that the address names, or the one that was tried last."""
    tried = list(Series.objects.filter(tries__isnull=False).distinct().select_related("instrument"))
    symbol, timeframe = query.get("symbol", ""), query.get("timeframe", "")
    if not symbol:
        last = Try.objects.select_related("series__instrument").order_by("-id").first()
        symbol = last.series.instrument.symbol if last else ""
        timeframe = timeframe or (last.series.timeframe if last else "")
    chosen = next(
        (one for one in tried if one.instrument.symbol == symbol and one.timeframe == (timeframe or one.timeframe)),
        None,
    )
    after = query.get("after", "")
    return {
        "symbols": sorted({one.instrument.symbol for one in tried} | ({symbol} - {""})),
        "timeframes": TIMEFRAMES,
        "symbol": symbol,
        "timeframe": chosen.timeframe if chosen else timeframe,
        "level": LEVEL,
        "ledger": ledger(chosen, after=int(after) if after.isdecimal() and len(after) < 9 else 0) if chosen else None,
        "drawn": DRAWN,
        "notes": NOTES,
    }

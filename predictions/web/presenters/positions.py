"""Positions of a model's BUYs, newest first, page by page, for the page and for a spreadsheet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

from predictions.models import Recommendation, Tranche
from training.web.presenters.positions import chart_around

SIZE = 50
_EPOCH = date(1970, 1, 1)
FIELDS = ("as_of", "symbol", "entry", "exit", "bars", "gross", "cost", "net", "worst", "best", "is_open", "p_buy")


@dataclass(frozen=True)
class PositionLine:
    """Returns are fractions; `row` is the recommendation's key, `chart` the query of the chart around it."""

    row: int
    as_of: date
    symbol: str
    p_buy: float
    entry: date
    exit: date
    bars: int
    gross: float
    net: float
    worst: float
    best: float
    is_open: bool
    chart: str

    exit_price = "close"

    @property
    def cost(self) -> float:
        return self.gross - self.net


def position_page(version: str, *, replay: bool, before: str) -> tuple[list[PositionLine], str]:
    """`SIZE` positions older than the one that `before` names (empty: the newest), and what names the last of them
    where older ones follow."""
    found = list(islice(_positions(version, replay=replay, before=before), SIZE + 1))
    older = _cursor(*found[SIZE - 1]) if len(found) > SIZE else ""
    return _lines(found[:SIZE]), older


def all_positions(version: str, *, replay: bool) -> Iterator[PositionLine]:
    """Of the whole model, some hundreds at a time."""
    positions = _positions(version, replay=replay, before="")
    while batch := list(islice(positions, 10 * SIZE)):
        yield from _lines(batch)


def _positions(version: str, *, replay: bool, before: str) -> Iterator[tuple[date, dict[str, Any]]]:
    """By day, newest first, then by rank: a day's positions lie together in its tranche, so that the key of a page is
    a day and a row."""
    tranches = Tranche.objects.filter(set__version=version, set__replay=replay, set__in_sample=False)
    day, _, row = before.partition(".")
    if before:
        tranches = tranches.filter(set__as_of__lte=date.fromisoformat(day))
    is_past = not before
    columns = tranches.order_by("-set__as_of").values_list("set__as_of", "positions")
    for as_of, positions in columns.iterator(chunk_size=20):
        for position in positions:
            if is_past or as_of.isoformat() < day:
                yield as_of, position
            is_past = is_past or position["row"] == int(row)


def _cursor(as_of: date, position: Mapping[str, Any]) -> str:
    return f"{as_of}.{position['row']}"


def _lines(positions: list[tuple[date, dict[str, Any]]]) -> list[PositionLine]:
    keys = [position["row"] for _, position in positions]
    rows = Recommendation.objects.light().in_bulk(keys)
    return [_line(as_of, position, rows[position["row"]]) for as_of, position in positions]


def _line(as_of: date, position: dict[str, Any], row: Recommendation) -> PositionLine:
    entry, last = (_EPOCH + timedelta(days=position[name]) for name in ("entry", "exit"))
    symbol = row.series.instrument.symbol
    numbers = {name: position[name] for name in ("bars", "gross", "net", "worst", "best", "is_open")}
    return PositionLine(
        row=row.pk,
        as_of=as_of,
        symbol=symbol,
        p_buy=row.p_buy or 0.0,
        entry=entry,
        exit=last,
        chart=chart_around(symbol, row.series.timeframe, entry, last),
        **numbers,
    )

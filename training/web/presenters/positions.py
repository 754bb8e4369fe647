"""Positions on pages: the columns of a walk-forward's, a slice of them as lines, and the chart around one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, overload
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.tables import BY_VALUE, Column, Order, Table, TableName
from training.models import RunPositions
from training.quant.walk_forward.positions import POSITION, Positions

SIDES = {1: "BUY", -1: "SELL"}
_AROUND = timedelta(days=45)  # of the chart, on both sides of a position
_EPOCH = date(1970, 1, 1)
_DIGITS = 7  # of returns, which are stored as float32


@dataclass(frozen=True)
class WalkPosition:
    """One line; returns are fractions, after costs but for `gross`."""

    symbol: str
    side: str
    as_of: date
    entry: date
    exit: date
    bars: int
    gross: float
    cost: float
    worst: float
    best: float
    is_open: bool

    @property
    def net(self) -> float:
        return self.gross - self.cost

    @property
    def exit_price(self) -> str:
        return "close" if self.is_open else "open"

    @property
    def chart(self) -> str:
        return chart_around(self.symbol, "1d", self.entry, self.exit)


POSITIONS = Table[WalkPosition](
    name=TableName.POSITIONS,
    columns=(
        Column("symbol", "Symbol", lambda line: line.symbol, sort=BY_VALUE),
        Column("side", "Side", lambda line: line.side, sort=BY_VALUE),
        Column("as_of", "Signal", lambda line: line.as_of, sort=BY_VALUE, begins_high=True),
        Column("entry", "Entry", lambda line: line.entry, sort=BY_VALUE, begins_high=True),
        Column("exit", "Exit", lambda line: line.exit, sort=BY_VALUE, begins_high=True),
        Column("bars", "Bars", lambda line: line.bars, sort=BY_VALUE, is_number=True),
        Column("net", "Return, %", lambda line: round(line.net, _DIGITS), sort=BY_VALUE, is_number=True),
        Column("cost", "Cost, %", lambda line: round(line.cost, _DIGITS), sort=BY_VALUE, is_number=True),
        Column("worst", "Worst, %", lambda line: round(line.worst, _DIGITS), sort=BY_VALUE, is_number=True),
        Column("best", "Best, %", lambda line: round(line.best, _DIGITS), sort=BY_VALUE, is_number=True),
    ),
    more=(
        Column("gross", "Return before costs, %", lambda line: round(line.gross, _DIGITS)),
        Column("is_open", "Still held", lambda line: line.is_open),
    ),
)


class PositionLines(Sequence[WalkPosition]):
    """Those that the filters leave, in the order that is asked for, else newest first. Thousands lie packed; lines are
    made of the slice that is read."""

    def __init__(self, stored: RunPositions, order: Order, *, symbol: str = "", side: str = "") -> None:
        """`symbol`: a part of it, in capitals or not; `side`: one of SIDES; empty: any."""
        self.symbols: list[str] = stored.symbols
        positions: Positions = np.frombuffer(stored.rows, dtype=POSITION)
        is_chosen = np.array([symbol.upper() in name.upper() for name in self.symbols], dtype=bool)[positions["symbol"]]
        if side in SIDES.values():
            is_chosen &= (positions["side"] > 0) == (side == SIDES[1])
        positions = positions[is_chosen]
        positions = positions[np.argsort(-positions["as_of"], kind="stable")]
        if order.name:
            keys = self._keys(positions, order.name)
            positions = positions[np.argsort(-keys if order.is_descending else keys, kind="stable")]
        self.positions = positions

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, place: int) -> WalkPosition: ...
    @overload
    def __getitem__(self, place: slice) -> list[WalkPosition]: ...
    def __getitem__(self, place: int | slice) -> WalkPosition | list[WalkPosition]:
        if isinstance(place, slice):
            return [self._line(position) for position in self.positions[place].tolist()]
        return self._line(self.positions[place].tolist())

    def _keys(self, positions: Positions, name: str) -> NDArray[np.float64]:
        if name == "symbol":
            keys = np.argsort(np.argsort(self.symbols))[positions["symbol"]]
        else:
            keys = positions["gross"] - positions["cost"] if name == "net" else positions[name]
        return np.asarray(keys, dtype=np.float64)

    def _line(self, stored: tuple[Any, ...]) -> WalkPosition:
        values = dict(zip(POSITION.names or (), stored, strict=True))
        values |= {name: _EPOCH + timedelta(days=values[name]) for name in ("as_of", "entry", "exit")}
        return WalkPosition(**{**values, "symbol": self.symbols[values["symbol"]], "side": SIDES[values["side"]]})


def chart_around(symbol: str, timeframe: str, entry: date, last: date) -> str:
    """The query of the chart around a position."""
    span = {"from": _seconds(entry - _AROUND), "to": _seconds(last + _AROUND)}
    return urlencode({"symbol": symbol, "timeframe": timeframe, **span})


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())

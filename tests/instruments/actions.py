"""Series that are kept as traded, and what happens to them."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from instruments.imports.actions import actions_write, basis_set
from instruments.imports.services import bars_write
from instruments.models import Basis, Series
from instruments.quant.actions import DIVIDEND, SPLIT, Action
from instruments.quant.bars import Bars


def day_of(bars: Bars, place: int) -> str:
    return datetime.fromtimestamp(int(bars.time[place]), UTC).date().isoformat()


def split_at(bars: Bars, places: Mapping[int, float]) -> Bars:
    """`bars` as they would have been traded with splits at these places: new shares for one old."""
    shares = np.ones(len(bars))
    for place, ratio in places.items():
        shares[place:] *= ratio
    prices = {name: getattr(bars, name) / shares for name in ("open", "high", "low", "close")}
    return Bars(time=bars.time, **prices, volume=bars.volume * shares, adj_close=prices["close"])


def store_as_traded(series: Series, bars: Bars, splits: Mapping[int, float] | None = None) -> Series:
    """`bars` and splits at these places, which the prices already show."""
    bars_write(series=series, bars=bars, source="made up")
    basis_set(series=series, basis=Basis.AS_TRADED, user=None)
    for place, ratio in (splits or {}).items():
        split(series, day_of(bars, place), ratio)
    return Series.objects.select_related("instrument").get(pk=series.pk)


def split(series: Series, ex_day: str, ratio: float) -> None:
    actions_write(series=series, actions=[Action("", ex_day, SPLIT, ratio=ratio)], source="made up")


def dividend(series: Series, ex_day: str, amount: float) -> None:
    actions_write(series=series, actions=[Action("", ex_day, DIVIDEND, amount=amount)], source="made up")

"""Bars after a moment cut off or made others, and what of a universe that changes. PROTOCOL §5.1."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from instruments.models import Series
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.features.daily import DAY, daily_features
from instruments.store.columns import FeaturedCandles, featured_candles
from instruments.store.read_bars import load_many, mark_histories
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.truncation import other_after
from training.recipes.universe.again import MembersThen
from training.recipes.universe.data import UniverseData, cut_data

TOGETHER = 64  # series in memory at a time


def ends_with(series: Sequence[Series], last: date) -> bool:
    """Whether the candles and features up to the day `last` that runs read are to the bit what the database's bars up
    to that day give, where none later is there. Then whatever is trained on them is the same, too."""
    stop = _after(last)
    for some in _blocks(series):
        stored = [_until(bars, stop) for bars in load_many(some)]
        candles = [marked.candles for marked in mark_histories(some, stored, until=stop)]
        features = daily_features([own.adjusted() for own in candles], np.float32)
        for read, own, matrix in zip(featured_candles(some), candles, features, strict=True):
            there = _until(read.candles, stop)
            if fingerprint(there) != fingerprint(own) or read.features[: len(there)].tobytes() != matrix.tobytes():
                return False
    return True


def data_of_others(members: MembersThen, spec: UniverseSpec, *, last: date, moment: int) -> UniverseData:
    """The data up to the day `last` where every bar after `moment` (seconds since 1970) is another, features too. Who
    is a member when stays: with others, days would lie elsewhere in the split."""
    histories, stop = {}, _after(last)
    for some in _blocks(members.series):
        changed = [
            other_after(_until(read.candles, stop), moment, seed=member.pk)
            for member, read in zip(some, featured_candles(some), strict=True)
        ]
        features = daily_features([candles.adjusted() for candles in changed], np.float32)
        for member, candles, matrix in zip(some, changed, features, strict=True):
            histories[member.instrument.symbol] = FeaturedCandles(candles, matrix, fingerprint(candles))
    return cut_data(histories, replace(spec, as_of=last.isoformat()), members.membership)


def _blocks(series: Sequence[Series]) -> list[Sequence[Series]]:
    return [series[start : start + TOGETHER] for start in range(0, len(series), TOGETHER)]


def _until(bars: Bars, stop: int) -> Bars:
    return bars.slice(0, int(np.searchsorted(bars.time, stop)))


def _after(last: date) -> int:
    """Seconds since 1970 at which the day is over."""
    return ((last - date(1970, 1, 1)).days + 1) * DAY

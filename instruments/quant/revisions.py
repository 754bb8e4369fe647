"""What a change of stored bars leaves behind so that it can be undone: a few bytes where bars were put at the end, the
old numbers where they were rewritten or removed."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Floats, Seconds

PRICES = tuple(column.name for column in fields(Bars))[1:]
_NO_TIME = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Change:
    """`added` (k, 2): first and last second of each stretch that holds inserted bars and, after the change, no others.
    `time` (m,), ascending: bars that were rewritten or removed; `prices` (m,) their old columns, those that differ, or
    all where bars were removed; `sources` (m,) where they came from."""

    added: NDArray[np.int64] = field(default_factory=lambda: _NO_TIME.reshape(0, 2))
    time: Seconds = field(default_factory=lambda: _NO_TIME)
    prices: Mapping[str, Floats] = field(default_factory=dict)
    sources: Sequence[str] = ()

    @property
    def first(self) -> int:
        """Of the bars that it concerns."""
        return int(min(*self.added[:1, 0], *self.time[:1], np.iinfo(np.int64).max))

    @property
    def last(self) -> int:
        return int(max(*self.added[-1:, 1], *self.time[-1:], np.iinfo(np.int64).min))

    def undone(self, bars: Bars) -> Bars:
        """The bars, as they are right after the change, as they were right before it."""
        edges = np.zeros(len(bars) + 1, dtype=np.int64)
        np.add.at(edges, np.searchsorted(bars.time, self.added[:, 0]), 1)
        np.add.at(edges, np.searchsorted(bars.time, self.added[:, 1], side="right"), -1)
        rest = bars.where(np.cumsum(edges[:-1]) == 0)
        if not len(self.time):
            return rest
        place = np.searchsorted(rest.time, self.time)
        is_there = np.isin(self.time, rest.time)
        gone, removed = place[~is_there], ~is_there
        columns = []
        for name in PRICES:
            values = getattr(rest, name).copy()
            if name in self.prices:
                values[place[is_there]] = self.prices[name][is_there]
            columns.append(np.insert(values, gone, self.prices[name][removed]) if removed.any() else values)
        return Bars(np.insert(rest.time, gone, self.time[removed]), *columns)


def upsert_change(
    stored: Bars, bars: Bars, fresh: NDArray[np.bool_], changed: NDArray[np.bool_], sources: Sequence[str]
) -> Change:
    """Of storing those of `bars` that are `fresh` or `changed`, (n,); `stored`: what is stored in their range;
    `sources`: where the changed ones came from, in their order."""
    time, old = bars.time[changed], stored.where(np.isin(stored.time, bars.time[changed]))
    new = bars.where(changed)
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in PRICES} if len(time) else {}
    prices = {name: before for name, (before, after) in pairs.items() if not np.array_equal(before, after)}
    return Change(_stretches(bars.time[fresh], stored.time), time, prices, sources)


def removal_change(stored: Bars, gone: NDArray[np.bool_], sources: Sequence[str]) -> Change:
    """Of taking away those of `stored` that are `gone`, (n,)."""
    removed = stored.where(gone)
    return Change(time=removed.time, prices={name: getattr(removed, name) for name in PRICES}, sources=sources)


def bars_that_differ(then: Bars, now: Bars) -> Seconds:
    """Times, ascending, of bars that are in one of the two alone or not the same in both."""
    common, at_then, at_now = np.intersect1d(then.time, now.time, assume_unique=True, return_indices=True)
    differs = np.zeros(len(common), dtype=np.bool_)
    for name in PRICES:
        differs |= getattr(then, name)[at_then] != getattr(now, name)[at_now]
    return np.union1d(np.setxor1d(then.time, now.time, assume_unique=True), common[differs])


def _stretches(fresh: Seconds, stored: Seconds) -> NDArray[np.int64]:
    """Inserted bars between which no stored one lies are one stretch."""
    if not len(fresh):
        return _NO_TIME.reshape(0, 2)
    cuts = np.flatnonzero(np.diff(np.searchsorted(stored, fresh))) + 1
    return np.stack((fresh[np.append(0, cuts)], fresh[np.append(cuts - 1, len(fresh) - 1)]), axis=1)


class _Packed(msgspec.Struct, array_like=True):
    added: bytes
    time: bytes
    prices: dict[str, bytes]
    names: list[str]
    source: bytes


def pack(change: Change) -> bytes:
    """Compressed. Never pickled."""
    names = sorted(set(change.sources))
    source = np.array([names.index(name) for name in change.sources] if len(names) > 1 else [], dtype="<u2")
    prices = {name: _by_weight(values) for name, values in change.prices.items()}
    packed = _Packed(
        _by_weight(change.added), _by_weight(np.diff(change.time, prepend=0)), prices, names, source.tobytes()
    )
    return zlib.compress(msgspec.msgpack.encode(packed), 1)


def unpack(content: bytes) -> Change:
    packed = msgspec.msgpack.decode(zlib.decompress(content), type=_Packed)
    time = np.cumsum(_numbers(packed.time, "<i8"))
    places = np.frombuffer(packed.source, "<u2").tolist() or [0] * len(time)
    return Change(
        added=_numbers(packed.added, "<i8").reshape(-1, 2),
        time=time,
        prices={name: _numbers(values, "<f8") for name, values in packed.prices.items()},
        sources=[packed.names[place] for place in places],
    )


def _by_weight(values: NDArray[np.int64] | Floats) -> bytes:
    """Little-endian bytes, those of equal weight side by side: they repeat, so that they compress."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(-1, 8).T.tobytes()


def _numbers(content: bytes, kind: str) -> NDArray[Any]:
    shuffled = np.frombuffer(content, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(shuffled.T).view(kind).reshape(-1)

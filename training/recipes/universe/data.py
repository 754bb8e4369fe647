"""The candles and features that a universe run may look at, as one panel, and what to say where they don't do."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np
from django.conf import settings

from boursomatic.shared.mapped import file_array, let_go
from instruments.calendars.sessions import trading_year_of_members
from instruments.models import Instrument, Series
from instruments.quant.bars import fingerprint
from instruments.quant.features.daily import DAY
from instruments.quant.membership import ALWAYS, member_mask
from instruments.store.columns import FeaturedCandles, featured_candles
from instruments.universes import (
    Membership,
    UnknownUniverse,
    has_only_survivors,
    universe_membership,
    universe_series,
)
from training.evidence.trials import TrialFields
from training.quant.candle.spec import SpecError
from training.quant.candle.verdict import LEAST_WINDOWS
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.exposure import Exposures
from training.quant.universe.honest.composite import horizons_of
from training.quant.universe.honest.train import HonestRows
from training.quant.universe.panel import Member, Panel, Singles, TooLittle, make_panel
from training.quant.universe.room import columns_in_memory, rows_in_memory
from training.quant.universe.spec import HONEST, UniverseSpec
from training.recipes.universe.membership import membership_as_of, membership_json

log = logging.getLogger("boursomatic.columns")
MARK = 12  # digits: to tell which bars changed; the hash of all is whole


@dataclass(frozen=True)
class UniverseData:
    """`panel` ends with the last bar on or before the run's day; nothing later is in it. `data_hash` is the SHA-256
    over the symbols and every candle that the panel was made from, and the `membership` of those that come or go, as
    of that day; stale bars are no candles. `survivors_only`: nobody ever leaves the universe. `marks`: of each symbol
    of the panel the first digits of the SHA-256 of its candles. `exposures`, and of the recipe `honest` its rows, are
    there where fits are to share them (`shared_rows.py`)."""

    panel: Panel
    as_of: date
    bars: int
    data_hash: str
    marks: tuple[str, ...]
    membership: Membership = field(default_factory=dict)
    survivors_only: bool = True
    exposures: Exposures | None = None
    honest: HonestRows | None = None


def universe_members(universe: str, *, with_instruments: bool = True) -> list[Series]:
    """The series of a universe; SpecError under `universe` where there are none."""
    try:
        return universe_series(universe, with_instruments=with_instruments)
    except UnknownUniverse as error:
        raise SpecError({"universe": [str(error)]}) from error


def universe_data(
    spec: UniverseSpec,
    *,
    series: Sequence[Series] | None = None,
    membership: Membership | None = None,
    on_read: Callable[[int, int], None] = lambda done, todo: None,
) -> UniverseData:
    """Read it all, from the columnar cache as far as it lies there. `series` and `membership`: in place of what the
    universe has at present; `on_read`: (series done, series to do). Raises SpecError for a universe without bars,
    TooLittle where none is left."""
    series = universe_members(spec.universe) if series is None else series
    membership = universe_membership(spec.universe) if membership is None else membership
    histories = dict(zip(symbols_of(series), featured_candles(series, on_read=on_read), strict=True))
    data, year = cut_data(histories, spec, membership), trading_year_of_members(series)
    panel = replace(data.panel, sessions_a_year=float(year.sessions) if year else None)
    return replace(data, panel=panel, survivors_only=has_only_survivors(spec.universe))


def symbols_of(series: Sequence[Series]) -> list[str]:
    return [member.instrument.symbol for member in series]


def cut_data(
    histories: Mapping[str, FeaturedCandles], spec: UniverseSpec, membership: Membership = MappingProxyType({})
) -> UniverseData:
    """The candles of these histories, by symbol, up to the run's day; of those that were members by then. Raises
    TooLittle where none is left."""
    stops = _stops(histories, spec, membership)
    if not stops:
        earliest = min(int(history.candles.time[0]) // DAY for history in histories.values())
        raise TooLittle(
            f"No member of the universe has a bar on or before {spec.as_of or 'its last day'}; the first bar of any is "
            f"of {_date(earliest)}."
        )
    last = max(int(histories[symbol].candles.time[stop - 1]) // DAY for symbol, stop in stops.items())
    membership = membership_as_of(membership, stops, last)
    stretches = membership_json(membership)
    digest, marks = hashlib.sha256(), []
    for symbol, stop in stops.items():
        history = histories[symbol]
        mark = history.fingerprint if stop == len(history.candles) else fingerprint(history.candles.slice(0, stop))
        let_go(history.candles.close)
        dates = f" {stretches[symbol]}" if symbol in stretches else ""
        digest.update(f"{symbol} {mark}{dates}\n".encode())
        marks.append(mark[:MARK])
    return UniverseData(
        panel=make_panel(
            _Members(histories, stops),
            horizons=_horizons(spec),
            first_day=last - spec.lookback_days,
            membership=membership,
            room=columns_on_disk if spec.recipe == HONEST else rows_in_memory,
        ),
        as_of=_date(last),
        bars=sum(stops.values()),
        data_hash=digest.hexdigest(),
        marks=tuple(marks),
        membership=membership,
    )


@dataclass(frozen=True)
class _Members:
    """By symbol the adjusted bars and the features of the first `stops` candles, made as they are asked for; what the
    cache maps of them is in memory for as long."""

    histories: Mapping[str, FeaturedCandles]
    stops: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.stops)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.stops

    def __iter__(self) -> Iterator[Member]:
        for symbol, stop in self.stops.items():
            history = self.histories[symbol]
            yield symbol, history.candles.slice(0, stop).adjusted(), history.features[:stop]
            let_go(history.candles.close, history.features)


def columns_on_disk(shape: tuple[int, int]) -> Singles:
    """Room for columns of all rows in a file that is gone with the run, beside the cache; in memory where there is to
    be no cache, or the disk is full."""
    if settings.COLUMNS_BYTES:
        try:
            return file_array(Path(settings.COLUMNS_ROOT), shape, np.float32, order="F")
        except OSError as problem:
            log.warning("Columns are kept in memory: %s", problem)
    return columns_in_memory(shape)


def _stops(histories: Mapping[str, FeaturedCandles], spec: UniverseSpec, membership: Membership) -> dict[str, int]:
    """How many candles each has up to the run's day, of those with one as a member: who joins later isn't there yet."""
    last = max(int(history.candles.time[-1]) // DAY for history in histories.values())
    if spec.as_of is not None:
        last = min(last, (date.fromisoformat(spec.as_of) - date(1970, 1, 1)).days)
    stops = {}
    for symbol, history in histories.items():
        stop = int(np.searchsorted(history.candles.time, (last + 1) * DAY))
        if stop and member_mask(membership.get(symbol, ALWAYS), history.candles.time[:stop] // DAY).any():
            stops[symbol] = stop
        let_go(history.candles.time)
    return stops


def _horizons(spec: UniverseSpec) -> tuple[int, ...]:
    return horizons_of(spec.horizon) if spec.recipe == HONEST else (spec.horizon,)


def universe_trial(
    data: UniverseData, *, evidence: UniverseEvidence | None = None, retrained_to: date | None = None
) -> TrialFields:
    """Of a run over this data, which a walk is still to judge, or with the `evidence` of a walk by itself."""
    members = Instrument.objects.filter(symbol__in=data.panel.with_rows).order_by("pk")
    return TrialFields(
        as_of=day_start(data.as_of),
        data_hash=data.data_hash,
        p_value=claimed_p_value(evidence) if evidence else None,
        is_settled=evidence is not None,
        members=tuple(members.values_list("pk", flat=True)),
        retrained_to=day_start(retrained_to) if retrained_to else None,
    )


def claimed_p_value(evidence: UniverseEvidence) -> float | None:
    """None where there was nothing to judge, or too few folds for a claim."""
    return evidence.p_value if evidence.windows >= LEAST_WINDOWS else None


def day_start(day: date) -> datetime:
    """UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)

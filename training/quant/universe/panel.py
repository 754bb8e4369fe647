"""The rows of a universe: one for each instrument and day, with features, outcome, and the parts of the split.

Days are numbered by their place among those that count (`counted_days`). A day that doesn't has no rows: its bars stay
in their instrument's features, and its return falls into the next day that does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from instruments.quant.bars import Bars
from instruments.quant.features.daily import (
    CALENDAR,
    CORE,
    DAILY_FEATURES,
    DAY,
    RANKED,
    get_feature_columns,
)
from instruments.quant.membership import ALWAYS, Stretches, member_mask
from training.quant.candle.plan import NotTrainable
from training.quant.stats.backtest import bars_a_year
from training.quant.universe.days import counted_days
from training.quant.universe.forward import Candles, Forward, empty_forward
from training.quant.universe.ranks import by_blocks_of_days, rank_shares, row_table
from training.quant.universe.room import Room, rows_in_memory
from training.quant.universe.spec import WARM_UP, days_needed

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
SELL, HOLD, BUY = 0, 1, 2
CLASSES = ("SELL", "HOLD", "BUY")
LONGEST = 40  # bars
# Of a value that hardly moves from one day to the next, and of the date, trees learn by heart which stretch it was: the
# outcomes of its rows overlap. docs/method.md has what that costs.
MODEL_FEATURES = tuple(one.name for one in DAILY_FEATURES if one.window <= LONGEST and one.name not in CALENDAR)
COLUMNS = (*MODEL_FEATURES, *(f"rank_{name}" for name in RANKED))
PARTS = ("train", "validation", "test")
TOGETHER = 64  # members whose rows are made at once
Member = tuple[str, Bars, Floats | Singles]


class TooLittle(NotTrainable):
    """There is not enough to train on and judge by; the text says how much there is and how much is needed."""


@dataclass(frozen=True)
class Panel:
    """`days` (D,) are day numbers since 1970 of the days that count; `open`, `close` (D, N) adjusted prices, carried on
    over days without a bar; `traded` (D, N) tells those days. Rows (n,), by instrument and then day, are all that have
    features: `day` and `instrument` are places in `days` and `symbols`; `features` (n, k) with NaN where a window isn't
    full; `forward` what came after them, by horizon, the run's own first. `member` (D, N): who belongs to the universe
    that day, None where all always do; only members have rows. `sessions_a_year`: of their calendar, None where it is
    unknown."""

    symbols: tuple[str, ...]
    days: Ints
    open: Floats
    close: Floats
    traded: NDArray[np.bool_]
    day: Ints
    instrument: Ints
    features: Singles
    forward: dict[int, Forward]
    member: NDArray[np.bool_] | None = None
    sessions_a_year: float | None = None

    @property
    def bars_a_year(self) -> float:
        """By which figures are annualised."""
        return self.sessions_a_year or bars_a_year(self.days * DAY, "1d")

    @property
    def present(self) -> NDArray[np.bool_]:
        """(D, N) the members that trade that day."""
        return self.traded if self.member is None else self.traded & self.member

    @property
    def with_rows(self) -> tuple[str, ...]:
        """The symbols that have a row at least."""
        return tuple(self.symbols[place] for place in np.unique(self.instrument).tolist())

    @property
    def labelled_days(self) -> Ints:
        """Places of the days that have a row with a known outcome, ascending."""
        is_labelled = np.zeros(len(self.days), dtype=np.bool_)
        is_labelled[self.day[self.has_outcome]] = True
        return np.flatnonzero(is_labelled)

    @property
    def own(self) -> Forward:
        """Over the run's own horizon."""
        return next(iter(self.forward.values()))

    @property
    def returns(self) -> Floats:
        return self.own.returns

    @property
    def outcome(self) -> Ints:
        return self.own.outcome

    @property
    def has_outcome(self) -> NDArray[np.bool_]:
        return self.own.has_outcome


@dataclass(frozen=True)
class UniverseSplit:
    """Row numbers of each part; `boundaries` are places of days. `train` are rows to fit on, all with an outcome.
    `validation` and `test` are all rows with features on their days; figures are of those whose outcome is known by
    `known_by` (place of a day, by part)."""

    train: Ints
    validation: Ints
    test: Ints
    boundaries: dict[str, int]
    known_by: dict[str, int]

    def scored(self, panel: Panel, part: str) -> Ints:
        """Those rows of `part` that have an outcome in time."""
        rows: Ints = getattr(self, part)
        return rows[panel.outcome[rows] <= self.known_by[part]]


def make_panel(
    members: Collection[Member],
    *,
    horizons: tuple[int, ...],
    first_day: int,
    membership: Mapping[str, Stretches] = MappingProxyType({}),
    room: Room = rows_in_memory,
) -> Panel:
    """`members`: symbol, adjusted bars (none after the last day to be known), and the stored features of these bars;
    gone through three times, so that they may be made as they are asked for. `room` is for the panel's features.

    Rows begin at day number `first_day` (since 1970); a row enters when its day counts and its features of windows up
    to 60 are defined, whether its outcome ever comes or not. `horizons`: the run's own first. `membership`, by symbol,
    of those that don't belong to the universe always: then a row is of a member that day, and of who came at a date
    none is among the first WARM_UP days, on which nobody's deviation is known.
    """
    symbols = tuple(symbol for symbol, _, _ in members)
    number = np.concatenate([(bars.time // DAY).astype(np.int32) for _, bars, _ in members])
    instrument = np.repeat(np.arange(len(members), dtype=np.int32), [len(bars) for _, bars, _ in members])
    days, at = _distinct(number)
    del number
    opening, closing, traded, has_core = _tables(members, at, days)
    member = _member_table(symbols, membership, days)
    counts = counted_days(traded, member=member)
    place = (np.cumsum(counts, dtype=np.int32) - counts)[at]  # of the first counted day on or after the bar's own

    is_row = (counts & (days >= first_day))[at] & has_core
    if member is not None:
        came = np.array([any(s.start is not None for s in membership.get(symbol, ())) for symbol in symbols])
        is_row &= member[at, instrument] & ((place >= WARM_UP) | ~came[instrument])
    del at, has_core
    days = days[counts]
    features, forward = _rows(members, instrument, place, is_row, days=len(days), horizons=horizons, room=room)
    day, instrument = place[is_row], instrument[is_row]
    _rank_main(features, day, instrument)

    if not counts.all():
        opening, closing, traded = opening[counts], closing[counts], traded[counts]
    np.copyto(opening, closing, where=~traded)
    return Panel(
        symbols=symbols,
        days=days,
        open=opening,
        close=closing,
        traded=traded,
        day=day,
        instrument=instrument,
        features=features,
        forward=forward,
        member=None if member is None else member[counts],
    )


def _tables(
    members: Collection[Member], at: Ints, days: Ints
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """(D, N) opens, closes carried on, and who traded; of each bar, whether its features of windows up to 60 are
    defined. `at`: the place of each bar's day among `days`."""
    core = [get_feature_columns().index(name) for name in CORE]
    opening, closing = np.full((2, len(days), len(members)), np.nan)
    traded = np.zeros(closing.shape, dtype=np.bool_)
    has_core = np.empty(len(at), dtype=np.bool_)
    stop = 0
    for j, (_, bars, features) in enumerate(members):
        own = slice(stop, stop := stop + len(bars))
        traded[at[own], j], opening[at[own], j], closing[at[own], j] = True, bars.open, bars.close
        has_core[own] = ~np.isnan(features[:, core]).any(axis=1)
    for start in range(0, len(members), TOGETHER):
        block = slice(start, start + TOGETHER)
        closing[:, block] = _carried(closing[:, block])
    return opening, closing, traded, has_core


def _rows(
    members: Collection[Member],
    instrument: Ints,
    place: Ints,
    is_row: NDArray[np.bool_],
    *,
    days: int,
    horizons: tuple[int, ...],
    room: Room,
) -> tuple[Singles, dict[int, Forward]]:
    """Of the bars that `is_row` marks: stored features, as far as models are given them, and what came after. Some
    members at a time; `instrument`, `place` of each bar."""
    columns = [get_feature_columns().index(name) for name in MODEL_FEATURES]
    rows, start, stop = int(np.count_nonzero(is_row)), 0, 0
    out, forward = room((rows, len(COLUMNS))), {horizon: empty_forward(rows) for horizon in horizons}
    for block in _blocks(members):
        bars = slice(stop, stop := stop + sum(len(own) for _, own, _ in block))
        close = np.concatenate([own.close for _, own, _ in block])
        candles = Candles(close, instrument[bars], place[bars], days=days)
        chosen = np.flatnonzero(is_row[bars])
        own_rows = slice(start, start := start + len(chosen))
        for horizon, each in forward.items():
            each.put(own_rows, candles.forward(chosen, horizon))
        out[own_rows, : len(columns)] = np.concatenate([stored[:, columns] for _, _, stored in block])[chosen]
        let_go(out, *(array for _, own, stored in block for array in (own.time, stored)))
    return out, forward


def _blocks(members: Collection[Member]) -> Iterator[list[Member]]:
    one_by_one = iter(members)
    while block := list(islice(one_by_one, TOGETHER)):
        yield block


def _member_table(symbols: Sequence[str], membership: Mapping[str, Stretches], days: Ints) -> NDArray[np.bool_] | None:
    """(D, N) who belongs to the universe on which of `days`; None where nobody comes or goes."""
    if not membership:
        return None
    return np.column_stack([member_mask(membership.get(symbol, ALWAYS), days) for symbol in symbols])


def given_features(stored: Singles, day: Ints) -> Singles:
    """What models are given, columns as `COLUMNS`: of the stored features (n, m) those of `MODEL_FEATURES`, and behind
    them the ranks of the main ones within each day."""
    columns = [get_feature_columns().index(name) for name in MODEL_FEATURES]
    out = np.empty((len(day), len(COLUMNS)), dtype=np.float32)
    out[:, : len(columns)] = stored[:, columns]
    _rank_main(out, day, np.arange(len(day)))
    return out


def _rank_main(features: Singles, day: Ints, instrument: Ints) -> None:
    """Fills the last columns with ranks within each day, from 0 to 1."""
    table = row_table(day, instrument, int(instrument.max(initial=-1)) + 1)
    for k, name in enumerate(RANKED, start=len(MODEL_FEATURES)):
        by_blocks_of_days(table, features[:, MODEL_FEATURES.index(name)], rank_shares, out=features[:, k])
        let_go(features)


def classes(returns: Floats, *, buy: float, sell: float) -> Ints:
    """(n,) int8: BUY where R >= `buy`, SELL where R <= `sell`, else HOLD; so NaN, which has no class, is HOLD too."""
    out = np.full(returns.shape, HOLD, dtype=np.int8)
    out[returns <= sell] = SELL
    out[returns >= buy] = BUY
    return out


def split_panel(panel: Panel, *, horizon: int, embargo: int) -> UniverseSplit:
    """PROTOCOL §4: by date 70/15/15 over the days that have rows with outcomes, purged on both boundaries.

    A row isn't fitted on, nor validated by, when its outcome is later than the next part's first day (or `embargo` days
    before that). Raises TooLittle.
    """
    labelled = panel.labelled_days
    need = days_needed(horizon=horizon, embargo=embargo)
    if len(labelled) < need:
        raise TooLittle(
            f"Too little data: {len(labelled)} days have all features and a known outcome; at least {need} are needed "
            f"for a horizon of {horizon} days ({WARM_UP} more go into the first features). Import more history, look "
            "back further, or take a shorter horizon."
        )
    starts = (int(labelled[len(labelled) * 70 // 100]), int(labelled[len(labelled) * 85 // 100]))
    known_by = {"train": starts[0] - embargo, "validation": starts[1] - embargo, "test": len(panel.days) - 1}
    train = np.flatnonzero((panel.day < starts[0]) & (panel.outcome <= known_by["train"]))
    is_between = (panel.day >= starts[0]) & (panel.day < starts[1])
    validation_last = panel.day[is_between & (panel.outcome <= known_by["validation"])].max(initial=-1)
    split = UniverseSplit(
        train,
        np.flatnonzero(is_between & (panel.day <= validation_last)),
        np.flatnonzero(panel.day >= starts[1]),
        boundaries={
            "train_last": int(panel.day[train].max(initial=-1)),
            "validation_first": starts[0],
            "validation_last": int(validation_last),
            "test_first": starts[1],
            "test_last": int(labelled[-1]),
        },
        known_by=known_by,
    )
    sizes = [len(split.scored(panel, part)) for part in PARTS]
    if min(sizes) < 100:
        raise TooLittle(
            f"Too little data: {sizes[0]} rows to train on, {sizes[1]} to validate, {sizes[2]} to test; at least 100 "
            "are needed in each. Import more instruments or more history."
        )
    assert_no_leak(panel, split)
    return split


def assert_no_leak(panel: Panel, split: UniverseSplit) -> None:
    """PROTOCOL §5.2, checked inside each run; AssertionError stops the run rather than let it tell a lie."""
    if panel.outcome[split.train].max() > panel.day[split.validation].min():
        raise AssertionError("an outcome used in fitting is later than the first validation decision")
    if panel.outcome[split.scored(panel, "validation")].max() > panel.day[split.test].min():
        raise AssertionError("a validation outcome is later than the first test decision")


def _distinct(number: Ints) -> tuple[Ints, Ints]:
    """The distinct day numbers, ascending, and of each of `number` its place among them: without sorting."""
    first = int(number.min())
    is_there = np.zeros(int(number.max()) - first + 1, dtype=np.bool_)
    is_there[number - first] = True
    return np.flatnonzero(is_there) + first, (np.cumsum(is_there, dtype=np.int32) - 1)[number - first]


def _carried(prices: Floats) -> Floats:
    """The last price before where there is none; before the first bar the first price (nobody holds it then)."""
    rows = np.arange(len(prices))[:, None]
    there = ~np.isnan(prices)
    last = np.maximum.accumulate(np.where(there, rows, -1), axis=0)
    first = there.argmax(axis=0)
    return np.take_along_axis(prices, np.where(last < 0, first[None, :], last), axis=0)

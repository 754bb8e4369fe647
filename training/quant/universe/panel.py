"""The rows of a universe: one for each instrument and day, with features, outcome, and the parts of the split.

Days are numbered by their place among those that count (`counted_days`). A day that doesn't has no rows: its bars stay
in their instrument's features, and its return falls into the next day that does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.daily import (
    CALENDAR,
    CORE,
    DAILY_FEATURES,
    DAY,
    RANKED,
    day_ranks,
    get_feature_columns,
)
from instruments.quant.membership import ALWAYS, Stretches, member_mask
from training.quant.candle.plan import NotTrainable
from training.quant.stats.backtest import bars_a_year
from training.quant.universe.days import counted_days
from training.quant.universe.forward import Candles, Forward
from training.quant.universe.spec import WARM_UP, days_needed

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
SELL, HOLD, BUY = 0, 1, 2
CLASSES = ("SELL", "HOLD", "BUY")
LONGEST = 40  # bars
# Of a value that hardly moves from one day to the next, and of the date, trees learn by heart which stretch it was: the
# outcomes of its rows overlap. docs/method.md has what that costs.
MODEL_FEATURES = tuple(one.name for one in DAILY_FEATURES if one.window <= LONGEST and one.name not in CALENDAR)
COLUMNS = (*MODEL_FEATURES, *(f"rank_{name}" for name in RANKED))
PARTS = ("train", "validation", "test")


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
    members: Sequence[tuple[str, Bars, Floats | Singles]],
    *,
    horizons: tuple[int, ...],
    first_day: int,
    membership: Mapping[str, Stretches] = MappingProxyType({}),
) -> Panel:
    """`members`: symbol, adjusted bars (none after the last day to be known), and the stored features of these bars.

    Rows begin at day number `first_day` (since 1970); a row enters when its day counts and its features of windows up
    to 60 are defined, whether its outcome ever comes or not. `horizons`: the run's own first. `membership`, by symbol,
    of those that don't belong to the universe always: then a row is of a member that day, and of who came at a date
    none is among the first WARM_UP days, on which nobody's deviation is known.
    """
    number = np.concatenate([bars.time // DAY for _, bars, _ in members])
    instrument = np.repeat(np.arange(len(members)), [len(bars) for _, bars, _ in members])
    days, at = _distinct(number)
    traded = np.zeros((len(days), len(members)), dtype=np.bool_)
    traded[at, instrument] = True
    member = _member_table([symbol for symbol, _, _ in members], membership, days)
    counts = counted_days(traded, member=member)
    place: Ints = (np.cumsum(counts) - counts)[at]  # of the first counted day on or after the bar's own
    close = np.concatenate([bars.close for _, bars, _ in members])

    core = [get_feature_columns().index(name) for name in CORE]
    is_row = counts[at] & (number >= first_day)
    is_row &= np.concatenate([~np.isnan(features[:, core]).any(axis=1) for _, _, features in members])
    if member is not None:
        came = np.array([any(s.start is not None for s in membership.get(symbol, ())) for symbol, _, _ in members])
        is_row &= member[at, instrument] & ((place >= WARM_UP) | ~came[instrument])
    rows = np.flatnonzero(is_row)

    closing, opening = np.full(traded.shape, np.nan), np.full(traded.shape, np.nan)
    closing[at, instrument] = close
    opening[at, instrument] = np.concatenate([bars.open for _, bars, _ in members])
    closing = _carried(closing)[counts]
    candles = Candles(close, instrument, place, days=len(closing))
    return Panel(
        symbols=tuple(symbol for symbol, _, _ in members),
        days=days[counts],
        open=np.where(traded[counts], opening[counts], closing),
        close=closing,
        traded=traded[counts],
        day=place[rows],
        instrument=instrument[rows],
        features=_model_features([features for _, _, features in members], is_row, place[rows]),
        forward={horizon: candles.forward(rows, horizon) for horizon in horizons},
        member=None if member is None else member[counts],
    )


def _member_table(symbols: Sequence[str], membership: Mapping[str, Stretches], days: Ints) -> NDArray[np.bool_] | None:
    """(D, N) who belongs to the universe on which of `days`; None where nobody comes or goes."""
    if not membership:
        return None
    return np.column_stack([member_mask(membership.get(symbol, ALWAYS), days) for symbol in symbols])


def given_features(stored: Singles, day: Ints) -> Singles:
    """What models are given, columns as `COLUMNS`: of the stored features (n, m) those of `MODEL_FEATURES`, and behind
    them the ranks of the main ones within each day."""
    return _model_features([stored], np.ones(len(stored), dtype=np.bool_), day)


def _model_features(stored: Sequence[Floats | Singles], is_row: NDArray[np.bool_], day: Ints) -> Singles:
    """`given_features` of the rows that `is_row` marks among those of all `stored`, one after another; `day` (n,) of
    these. Filled in place: copies of all columns at once would be most of a run's memory."""
    place = {name: k for k, name in enumerate(get_feature_columns())}
    columns = [place[name] for name in MODEL_FEATURES]
    out = np.empty((len(day), len(COLUMNS)), dtype=np.float32)
    start = stop = 0
    for features, own in zip(stored, np.split(is_row, np.cumsum([len(each) for each in stored[:-1]])), strict=True):
        stop += int(np.count_nonzero(own))
        out[start:stop, : len(columns)] = features[own][:, columns]
        start = stop
    for k, name in enumerate(RANKED, start=len(columns)):
        out[:, k] = day_ranks(day, out[:, MODEL_FEATURES.index(name)].astype(np.float64))
    return out


def classes(returns: Floats, *, buy: float, sell: float) -> Ints:
    """BUY where R >= `buy`, SELL where R <= `sell`, else HOLD. No NaN: what isn't known has no class."""
    return np.where(returns >= buy, BUY, np.where(returns <= sell, SELL, HOLD)).astype(np.int64)


def split_panel(panel: Panel, *, horizon: int, embargo: int) -> UniverseSplit:
    """PROTOCOL §4: by date 70/15/15 over the days that have rows with outcomes, purged on both boundaries.

    A row isn't fitted on, nor validated by, when its outcome is later than the next part's first day (or `embargo` days
    before that). Raises TooLittle.
    """
    labelled = np.unique(panel.day[panel.has_outcome])
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
    return np.flatnonzero(is_there) + first, (np.cumsum(is_there) - 1)[number - first]


def _carried(prices: Floats) -> Floats:
    """The last price before where there is none; before the first bar the first price (nobody holds it then)."""
    rows = np.arange(len(prices))[:, None]
    there = ~np.isnan(prices)
    last = np.maximum.accumulate(np.where(there, rows, -1), axis=0)
    first = there.argmax(axis=0)
    return np.take_along_axis(prices, np.where(last < 0, first[None, :], last), axis=0)

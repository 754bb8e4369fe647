"""What a sweep may be asked for: candles × training periods × one further setting. No third-party import."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any, ClassVar

from instruments.quant.features.names import FEATURE_SETS
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import OPTIONAL_RANGES, RANGES, CandleSpec, Range, SpecError, format_time, parse_time

MOST_CELLS = 2_000
NAMED = 10  # candles that are none, in one refusal
CHUNK_S = 5.0  # of work in a chunk, on an idle core
# Seconds of a cell on one core: at no training years, and for each year of daily bars.
CELL_S = {"honest": (0.016, 0.0042), "poc": (0.04, 0.018), "steady": (0.0055, 0.0013)}
DAILY = {"1h": 7.0, "4h": 2.0, "1d": 1.0, "1w": 0.2}  # bars in the time of a daily one

EVERY = Range("every", "Step", 1, 1000, 35, 1, True, "candles", False)
FURTHER = ("params", "feature_sets", "test_windows")  # the further axis: one of these at most
_SHARED = ("symbol", "timeframe", "test_window_size", "protocol", "model", "study_id", "seen_until")
FIELDS = ("candles", "from", "to", "every", "train_years", "feature_set", *FURTHER, *_SHARED)
# What rows may differ by, besides their training period.
_DIFFERING = (
    *("test_window_size", "feature_set"),
    *(name for name, r in RANGES.items() if r.in_params),
    *OPTIONAL_RANGES,
)


@dataclass(frozen=True)
class SweepSpec:
    """A map of `candles` (times, ascending) × `rows`: each a candle run's settings, whose own candle says nothing. With
    one row it is a batch. Cells are numbered from 0 on, candle by candle, so that a chunk of them shares its bars."""

    kind: ClassVar[str] = "sweep"

    candles: tuple[str, ...]
    rows: tuple[CandleSpec, ...]

    @property
    def symbol(self) -> str:
        return self.rows[0].symbol

    @property
    def timeframe(self) -> str:
        return self.rows[0].timeframe

    @property
    def cells(self) -> int:
        return len(self.candles) * len(self.rows)

    @property
    def window(self) -> int:
        """Bars in which rows change places: a test window, the longest where they differ."""
        return max(row.test_window_size for row in self.rows)

    @property
    def seconds(self) -> float:
        """Of all cells, on one idle core."""
        return len(self.candles) * sum(cell_seconds(row) for row in self.rows)

    def cell(self, number: int) -> CandleSpec:
        """The candle run that a cell is the test window of."""
        candle, row = divmod(number, len(self.rows))
        return replace(self.rows[row], candle=self.candles[candle])

    def as_dict(self) -> dict[str, Any]:
        shared = {"symbol": self.symbol, "timeframe": self.timeframe}
        return {**shared, "candles": list(self.candles), "rows": [row.as_dict() for row in self.rows]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SweepSpec":
        """Back from what a run stored."""
        return cls(tuple(stored["candles"]), tuple(CandleSpec.from_dict(row) for row in stored["rows"]))

    def params_hash(self) -> str:
        """SHA-256 over what makes the sweep one trial: its candles and its rows' configurations; not the symbol."""
        configuration = {"kind": "sweep", "candles": self.candles, "rows": [row.params_hash() for row in self.rows]}
        return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class ChunkSpec:
    """The cells `first` … `stop` - 1 of a sweep."""

    kind: ClassVar[str] = "sweep_chunk"

    first: int
    stop: int

    def as_dict(self) -> dict[str, Any]:
        return {"first": self.first, "stop": self.stop}

    def params_hash(self) -> str:
        return hashlib.sha256(f"sweep_chunk {self.first} {self.stop}".encode()).hexdigest()


def cell_seconds(row: CandleSpec) -> float:
    """About how long a cell of this row takes on an idle core."""
    base, a_year = CELL_S[row.protocol]
    return base + a_year * row.train_years * DAILY[row.timeframe]


def chunks_of(sweep: SweepSpec) -> list[ChunkSpec]:
    """An even number of chunks, about as long each, so that two workers end together; one where it is soon done."""
    count = 1 if sweep.seconds < CHUNK_S / 2 else 2 * -int(-sweep.seconds // (2 * CHUNK_S))
    count = min(count, sweep.cells)
    borders = [round(sweep.cells * number / count) for number in range(count + 1)]
    return [ChunkSpec(first, stop) for first, stop in pairwise(borders)]


# (symbol, timeframe, from, to) -> times of the candles between them, both inclusive; raises SpecError.
CandlesBetween = Callable[[str, str, str, str], Sequence[str]]


def parse_sweep_spec(data: Any, *, default_symbol: str, candles_between: CandlesBetween) -> SweepSpec:
    """The API's body as a SweepSpec. Raises SpecError for what is unknown, wrong or too much; whether the candles are
    candles is the recipe's question."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    if unknown := [str(name)[:60] for name in data if name not in FIELDS]:
        raise SpecError({name: [f"Unknown field. Known: {', '.join(sorted(FIELDS))}."] for name in unknown})
    rows = _rows({"symbol": default_symbol, **data})
    candles = _candles(data, rows[0], candles_between)
    cells = len(candles) * len(rows)
    if cells > MOST_CELLS:
        sentence = f"{cells:,} cells ({len(candles):,} candles × {len(rows)} settings) are too many: {MOST_CELLS:,} are"
        raise SpecError({"candles": [f"{sentence} the most. Choose fewer candles, a larger step or fewer settings."]})
    return SweepSpec(tuple(candles), rows)


def _rows(data: Mapping[str, Any]) -> tuple[CandleSpec, ...]:
    """Training periods × one further setting, each checked as a candle run's settings are."""
    years = _list(data, "train_years", [RANGES["train_years"].default])
    further = [name for name in FURTHER if name in data]
    if len(further) > 1:
        raise SpecError({further[1]: [f"Only one further setting can vary: leave out {further[0]} or {further[1]}."]})
    axis = further[0] if further else "params"
    values = _list(data, axis, [{}])
    if axis == "test_windows" and "test_window_size" in data:
        raise SpecError({"test_windows": ["Send test_windows or test_window_size, not both."]})
    if axis == "feature_sets" and "feature_set" in data:
        raise SpecError({"feature_sets": ["Send feature_sets or feature_set, not both."]})
    shared = {name: data[name] for name in _SHARED if name in data}
    if "feature_set" in data:
        shared |= _features(data["feature_set"])
    rows = [
        _row({**shared, "train_years": period, **_setting(axis, value)}, f"{axis} {place + 1}: " if further else "")
        for period, (place, value) in product(years, list(enumerate(values)))
    ]
    if len(set(rows)) < len(rows):
        name = "train_years" if len(set(map(str, years))) < len(years) else axis
        raise SpecError({name: ["One of the values stands there twice. Leave it out."]})
    return tuple(rows)


def _row(body: dict[str, Any], prefix: str) -> CandleSpec:
    try:
        return parse_candle_spec({"candle_date": "2000-01-01", "confirm": False, **body})
    except SpecError as error:
        texts = {name: [f"{prefix}{text}" for text in messages] for name, messages in error.errors.items()}
        raise SpecError(texts) from error


def _setting(axis: str, value: Any) -> dict[str, Any]:
    """What a value of the further axis is in a candle run's body."""
    match axis:
        case "params":
            return {"params": value}
        case "feature_sets":
            return _features(value)
        case _:
            return {"test_window_size": value}


def _features(value: Any) -> dict[str, Any]:
    """A named set, or groups joined by "+"."""
    if isinstance(value, str) and value not in FEATURE_SETS and "+" in value:
        return {"features": value.split("+")}
    return {"feature_set": value}


def _list(data: Mapping[str, Any], name: str, default: list[Any]) -> list[Any]:
    values = data.get(name, default)
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_CELLS:
        raise SpecError({name: [f"Must be a list of 1 to {MOST_CELLS:,} values."]})
    return values


def _candles(data: Mapping[str, Any], row: CandleSpec, candles_between: CandlesBetween) -> list[str]:
    """Those that are listed, or every so many between two dates. Ascending."""
    span = [name for name in ("from", "to", "every") if name in data]
    if "candles" in data:
        if span:
            raise SpecError({"candles": ["Send candles, or from, to and every; not both."]})
        return _listed(_list(data, "candles", []))
    if not {"from", "to"} <= set(span):
        raise SpecError({"candles": ["Required: a list of candles, or from, to and every."]})
    bounds = []
    for name in ("from", "to"):
        try:
            bounds.append(format_time(parse_time(data[name])))
        except ValueError as error:
            raise SpecError({name: [str(error)]}) from error
    if bounds[0] > bounds[1]:
        raise SpecError({"to": [f"Must not be before from, {bounds[0]}."]})
    try:
        every = int(EVERY.check(data.get("every", EVERY.default)))
    except ValueError as error:
        raise SpecError({"every": [str(error)]}) from error
    candles = candles_between(row.symbol, row.timeframe, *bounds)
    if not candles:
        raise SpecError({"from": [f"There is no candle from {bounds[0]} to {bounds[1]}. Choose other dates."]})
    return list(candles[::every])


def _listed(values: list[Any]) -> list[str]:
    times, bad = set(), []
    for value in values:
        try:
            times.add(format_time(parse_time(value)))
        except ValueError as error:
            bad.append(str(error))
    if bad:
        raise SpecError({"candles": bad[:NAMED]})
    return sorted(times)


def row_labels(sweep: SweepSpec) -> list[str]:
    """What each row is called: its training period, and what else it differs by from the others."""
    rows = sweep.rows
    names = [name for name in _DIFFERING if len({getattr(row, name) for row in rows}) > 1]
    return [", ".join([_years_text(row.train_years), *(_value_text(row, name) for name in names)]) for row in rows]


def varied(sweep: SweepSpec) -> str:
    """What the rows differ by, in one word."""
    return "period" if len({row.train_years for row in sweep.rows}) == len(sweep.rows) else "setting"


def _years_text(years: float) -> str:
    return f"{years:g} {'year' if years == 1 else 'years'}"


def _value_text(row: CandleSpec, name: str) -> str:
    value = getattr(row, name)
    if name == "feature_set":
        return str(value)
    label = (RANGES | OPTIONAL_RANGES)[name].label.lower()
    return f"{label} {'–' if value is None else f'{value:g}'}"

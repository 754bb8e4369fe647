"""What a candle run may be asked for: the one place that owns names, defaults and ranges.

Form, sliders, serializer, command line and docs read them here. No third-party import: web processes load this module.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

SPEC_VERSION = 1
SEED = 42
COST_BP = 5.0  # basis points on what is traded
ROWS_RULE = 2  # PROTOCOL §1: stale bars are no candles, unmoved closes no outcomes; 1 = runs before release 0.2.0
STEPS = 10  # windows of a walk-forward confirmation before the run's own

PROTOCOLS = ("honest", "poc", "steady")
MODEL_NAMES = {"lightgbm": "LightGBM", "logistic": "logistic regression"}
MODELS = tuple(MODEL_NAMES)
DECISION_NAMES = {"close": "at the close", "next_open": "at the next open"}
DECISIONS = tuple(DECISION_NAMES)
AFTER_NAMES = {"same": "by the same model", "retrain": "trained again before each"}  # the windows after the first
AFTERS = tuple(AFTER_NAMES)
TIMEFRAMES = ("1h", "4h", "1d", "1w")
DEFAULT_FEATURE_SET = {"honest": "scale_free", "poc": "poc16", "steady": "scale_free"}
STEADY = {"learning_rate": 0.05, "num_leaves": 8, "max_depth": 3, "min_child_samples": 60}  # fixed, PROTOCOL §2
NOT_HASHED = {"candle", "symbol", "timeframe", "confirm", "live", "folds", "rows_rule", "seen_until", "study_id"}
# Since release 0.1.0: hashed where they differ from this, so that its hashes stay.
ADDED = {
    **{"model": "lightgbm", "lambda_l2": None, "columns": None, "rounds": None},
    **{"gap": 0, "decision": "close", "windows": 1, "after": "same"},
}


class SpecError(ValueError):
    """What was asked for can't be done. `errors` maps a field's name to its messages, as the API answers them."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items()))


@dataclass(frozen=True)
class Range:
    """A number that a person may choose: bounds are inclusive."""

    name: str
    label: str
    low: float
    high: float
    default: float
    step: float
    whole: bool
    unit: str
    in_params: bool  # whether the API nests it under "params"

    def check(self, value: Any) -> float | int:
        """The value as float or int; ValueError with the sentence for the user. `true` is not 1, "5" is not 5."""
        wanted = "a whole number" if self.whole else "a number"
        bounds = f"{wanted} from {self.low:g} to {self.high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"Must be {bounds}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"Must be {bounds}; NaN and infinity are not numbers to train with.")
        if self.whole and value != int(value):
            raise ValueError(f"Must be {bounds}.")
        if not self.low <= value <= self.high:
            raise ValueError(f"Must be {bounds}.")
        return int(value) if self.whole else float(value)


RANGES: dict[str, Range] = {
    r.name: r
    for r in (
        Range("train_years", "Training period", 0.5, 10, 3.0, 0.5, False, "years", False),
        Range("test_window_size", "Test window", 10, 100, 35, 1, True, "candles", False),
        Range("gap", "Gap", 0, 60, 0, 1, True, "candles", False),
        Range("windows", "Test windows", 1, 10, 1, 1, True, "", False),
        Range("learning_rate", "Learning rate", 0.01, 0.2, 0.05, 0.01, False, "", True),
        Range("num_leaves", "Leaves", 15, 63, 31, 1, True, "", True),
        Range("max_depth", "Depth", 3, 12, 6, 1, True, "", True),
        Range("min_child_samples", "Min child samples", 10, 50, 20, 1, True, "rows", True),
    )
}

FOLDS = Range("folds", "Folds", 2, 10, 0, 1, True, "", False)  # no folds unless they are asked for

# What a search may try, PROTOCOL §7.2. `params` may hold the last three of themselves; values outside RANGES come only
# with the study that tried them.
SEARCHED_RANGES: dict[str, Range] = {
    r.name: r
    for r in (
        Range("num_leaves", "Leaves", 2, 63, 31, 1, True, "", True),
        Range("max_depth", "Depth", 2, 8, 6, 1, True, "", True),
        Range("min_child_samples", "Min child samples", 10, 200, 20, 1, True, "rows", True),
        Range("learning_rate", "Learning rate", 0.01, 0.2, 0.05, 0.01, False, "", True),
        Range("lambda_l2", "L2 penalty", 0.01, 300, 1.0, 0.01, False, "", True),
        Range("columns", "Columns", 0.3, 1, 1.0, 0.05, False, "share a tree", True),
        Range("rounds", "Rounds", 1, 200, 40, 1, True, "", True),
    )
}
OPTIONAL_RANGES = {name: SEARCHED_RANGES[name] for name in ("lambda_l2", "columns", "rounds")}


@dataclass(frozen=True)
class CandleSpec:
    """One candle run, validated. `candle` is the decision candle's time, ISO 8601 in UTC ending in Z."""

    kind: ClassVar[str] = "candle"

    candle: str
    symbol: str
    timeframe: str = "1d"
    train_years: float = 3.0
    test_window_size: int = 35
    learning_rate: float = 0.05
    num_leaves: int = 31
    max_depth: int = 6
    min_child_samples: int = 20
    lambda_l2: float | None = None  # None: none
    columns: float | None = None  # share of them that a tree may use; None: all
    rounds: int | None = None  # None: as many as early stopping, or the protocol, finds
    protocol: str = "honest"
    feature_set: str = "scale_free"
    model: str = "lightgbm"
    gap: int = 0
    decision: str = "close"
    windows: int = 1
    after: str = "same"
    folds: int = 0  # 0: none
    confirm: bool = True
    live: bool = False
    study_id: str = ""  # the study that found the params
    seen_until: str | None = None  # the last outcome that whoever found the params looked at
    seed: int = SEED
    spec_version: int = SPEC_VERSION
    rows_rule: int = ROWS_RULE  # not chosen by a request

    @property
    def candle_at(self) -> datetime:
        return parse_time(self.candle)

    @property
    def stops_early(self) -> bool:
        """Whether rows are held out for validation: to stop the trees, or to choose the threshold."""
        return self.protocol != "steady" and self.rounds is None

    @property
    def by_first_rule(self) -> bool:
        """Whether stale bars count as candles, and unmoved closes as down: as releases before 0.2.0 had it."""
        return self.rows_rule == 1

    @property
    def rows_after(self) -> int:
        """How many outcomes it needs from its candle on: those of the gap and of its test windows."""
        return self.gap + self.windows * self.test_window_size

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_request(self) -> dict[str, Any]:
        """In the shape of the API's request, with what the server added."""
        params = {name: getattr(self, name) for name, r in RANGES.items() if r.in_params}
        params |= {name: getattr(self, name) for name in OPTIONAL_RANGES if getattr(self, name) is not None}
        own = {"candle", *params, *OPTIONAL_RANGES}
        rest = {name: value for name, value in asdict(self).items() if name not in own}
        return {"candle_date": self.candle, "params": params, **rest}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "CandleSpec":
        """Back from what a run stored; one that stored no `rows_rule` was made by rule 1."""
        return cls(
            **{"rows_rule": 1, **{field.name: stored[field.name] for field in fields(cls) if field.name in stored}}
        )

    def params_hash(self) -> str:
        """SHA-256 over what makes a configuration (PROTOCOL §3): not symbol, candle, timeframe, confirm,
        live, folds, the rule for rows or who found it: none of them changes the model or what it is tested on."""
        chosen = {k: v for k, v in asdict(self).items() if k not in NOT_HASHED and ADDED.get(k) != v}
        configuration = {"kind": "candle", **chosen}
        return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def parse_time(text: Any) -> datetime:
    """ISO 8601 to an aware UTC time; a day alone is its midnight, a time without a zone is taken as UTC.

    Raises ValueError with a sentence for the user.
    """
    example = "Write it as 2023-06-15T00:00:00Z or 2023-06-15."
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError(f"Not a date. {example}")
    try:
        value = datetime.fromisoformat(text.strip().upper())
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a date. {example}") from error


def format_time(value: datetime) -> str:
    """UTC, ISO 8601, ending in Z, to the second."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"  # %Y has no leading zeros


def outside_ranges(spec: CandleSpec) -> list[str]:
    """The params that a request may hold only together with the study that tried them."""
    return [
        name
        for name, r in RANGES.items()
        if r.in_params and spec.protocol != "steady" and not r.low <= getattr(spec, name) <= r.high
    ]


def ranges_with(study_id: str) -> dict[str, Range]:
    """RANGES; with a study so wide that what either a person or a search may choose is within."""
    if not study_id:
        return RANGES
    return {
        name: replace(r, low=min(r.low, SEARCHED_RANGES[name].low), high=max(r.high, SEARCHED_RANGES[name].high))
        if name in SEARCHED_RANGES
        else r
        for name, r in RANGES.items()
    }


def fixed_params(protocol: str, model: str) -> dict[str, float]:
    """The `params` that can't be chosen: with `steady` by the protocol, with logistic regression because they are the
    trees' and do nothing."""
    if protocol == "steady":
        return STEADY
    return {name: r.default for name, r in RANGES.items() if r.in_params} if model == "logistic" else {}

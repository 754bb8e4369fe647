"""What a candle run may be asked for: the one place that owns names, defaults and ranges.

Form, sliders, serializer, command line and docs read them here. No third-party import: web processes load this module.
"""

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from instruments.quant.features.names import (
    FEATURE_GROUPS,
    FEATURE_SETS,
    NEXT_OPEN,
    feature_groups,
    feature_set_name,
)

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
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_candle_spec(data: Any, *, default_symbol: str = "", besides: Collection[str] = ()) -> CandleSpec:
    """The API's body as a CandleSpec. Unknown fields, wrong types and values out of range raise SpecError; `besides`
    are fields that somebody else reads.

    Whether the candle exists and has enough history is the service's question: it needs the bars.
    """
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    errors: dict[str, list[str]] = {}
    params = data.get("params", {})
    if not isinstance(params, Mapping):
        errors["params"] = ["Must be an object with learning_rate, num_leaves, max_depth, min_child_samples."]
        params = {}
    _check_names(data, params, errors, besides)
    values: dict[str, Any] = {
        "candle": _candle(data, errors),
        "symbol": _text(data, "symbol", default_symbol, errors),
        "timeframe": _one_of(data, "timeframe", TIMEFRAMES, "1d", errors),
        "protocol": (protocol := _one_of(data, "protocol", PROTOCOLS, "honest", errors)),
        "model": (model := _one_of(data, "model", MODELS, "lightgbm", errors)),
        "feature_set": _feature_set(data, protocol, errors),
    }
    values["decision"] = _decision(data, values["feature_set"], errors)
    if protocol == "steady" and model != "lightgbm":
        errors["model"] = ["Fixed at lightgbm with the protocol steady. Leave it out, or choose honest."]
    _search(data, values, errors)
    fixed = fixed_params(protocol, model)
    for name, setting in OPTIONAL_RANGES.items():
        if name in params:
            _optional(params, name, setting, values, errors, is_fixed=bool(fixed))
    for name, wanted in ranges_with(values["study_id"]).items():
        source = params if wanted.in_params else data
        try:
            values[name] = (
                _fixed(source, name, fixed[name]) if name in fixed else wanted.check(source.get(name, wanted.default))
            )
        except ValueError as error:
            errors[name] = [str(error)]
    values["after"] = _one_of(data, "after", AFTERS, "same", errors)
    if values["after"] == "retrain" and values.get("windows") == 1:
        errors["after"] = ["With one test window there is nothing to train again for: ask for more windows."]
    try:
        values["folds"] = FOLDS.check(data["folds"]) if "folds" in data else 0
    except ValueError as error:
        errors["folds"] = [str(error)]
    for name, default in (("confirm", True), ("live", False)):
        values[name] = data.get(name, default)
        if not isinstance(values[name], bool):
            errors[name] = ["Must be true or false."]
    if errors:
        raise SpecError(errors)
    return CandleSpec(**values)


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


def _optional(
    params: Mapping[str, Any],
    name: str,
    setting: Range,
    values: dict[str, Any],
    errors: dict[str, list[str]],
    *,
    is_fixed: bool,
) -> None:
    try:
        values[name] = setting.check(params[name])
    except ValueError as error:
        errors[name] = [str(error)]
    if is_fixed:
        errors[name] = ["Can't be chosen with the protocol steady or with logistic regression. Leave it out."]


def _search(data: Mapping[str, Any], values: dict[str, Any], errors: dict[str, list[str]]) -> None:
    """Who found the params, and what it looked at."""
    values["study_id"] = _text(data, "study_id", "", errors, longest=40)
    values["seen_until"] = None
    if data.get("seen_until") is not None:
        try:
            values["seen_until"] = format_time(parse_time(data["seen_until"]))
        except ValueError as error:
            errors["seen_until"] = [str(error)]


def _check_names(
    data: Mapping[str, Any], params: Mapping[str, Any], errors: dict[str, list[str]], besides: Collection[str]
) -> None:
    at_top = {"candle_date", "params", "symbol", "timeframe", "protocol", "model", "decision", "confirm", "live"}
    at_top |= {"feature_set", "features", "after", "folds", "study_id", "seen_until", *besides}
    at_top |= {name for name, r in RANGES.items() if not r.in_params}
    nested = {name for name, r in RANGES.items() if r.in_params} | set(OPTIONAL_RANGES)
    for name in data:
        if name not in at_top:
            where = " It belongs under params." if name in nested else f" Known: {', '.join(sorted(at_top))}."
            errors[str(name)[:60]] = [f"Unknown field.{where}"]
    for name in params:
        if name not in nested:
            errors[str(name)[:60]] = [f"Unknown parameter. Known: {', '.join(sorted(nested))}."]


def _feature_set(data: Mapping[str, Any], protocol: str, errors: dict[str, list[str]]) -> str:
    """The name of the set that `feature_set` names or whose groups `features` lists; `steady` has one only."""
    own = DEFAULT_FEATURE_SET[protocol]
    if "features" not in data:
        return _one_of(data, "feature_set", (own,) if protocol == "steady" else tuple(FEATURE_SETS), own, errors)
    groups = data["features"]
    if "feature_set" in data:
        errors["features"] = ["Send features or feature_set, not both."]
    elif not isinstance(groups, list) or not groups or not all(group in FEATURE_GROUPS for group in groups):
        errors["features"] = [f"Must be a list of at least one of: {', '.join(FEATURE_GROUPS)}."]
    elif protocol == "steady" and feature_set_name(tuple(groups)) != own:
        errors["features"] = [f"Fixed at those of {own} with the protocol steady. Leave it out, or choose honest."]
    else:
        return feature_set_name(tuple(groups))
    return own


def _decision(data: Mapping[str, Any], feature_set: str, errors: dict[str, list[str]]) -> str:
    """When the decision is taken: at the next open if, and only if, the features know that open."""
    decision = _one_of(data, "decision", DECISIONS, "close", errors)
    knows_open = NEXT_OPEN in feature_groups(feature_set)
    if "decision" in errors or knows_open == (decision == "next_open"):
        return decision
    if knows_open:
        errors["features"] = [
            f"{NEXT_OPEN} is not known at the close, and tells of the outcome: with it pure noise shows an AUC of 0.70 "
            "to 0.78. Leave it out, or take the decision at the next open (next_open)."
        ]
    else:
        errors["decision"] = [
            f"next_open is for models that know that open: list {NEXT_OPEN} among the features, or leave decision out."
        ]
    return decision


def fixed_params(protocol: str, model: str) -> dict[str, float]:
    """The `params` that can't be chosen: with `steady` by the protocol, with logistic regression because they are the
    trees' and do nothing."""
    if protocol == "steady":
        return STEADY
    return {name: r.default for name, r in RANGES.items() if r.in_params} if model == "logistic" else {}


def _fixed(source: Mapping[str, Any], name: str, value: float) -> float | int:
    """What can't be chosen, where nothing else is sent; ValueError with the sentence for the user."""
    sent = source.get(name, value)
    if isinstance(sent, bool) or sent != value:
        raise ValueError("Can't be chosen with the protocol steady or with logistic regression. Leave it out.")
    return value


def _candle(data: Mapping[str, Any], errors: dict[str, list[str]]) -> str:
    if "candle_date" not in data:
        errors["candle_date"] = ["Required: the date of the candle to train at, as 2023-06-15T00:00:00Z."]
        return ""
    try:
        return format_time(parse_time(data["candle_date"]))
    except ValueError as error:
        errors["candle_date"] = [str(error)]
        return ""


def _text(data: Mapping[str, Any], name: str, default: str, errors: dict[str, list[str]], *, longest: int = 32) -> str:
    value = data.get(name, default)
    if not isinstance(value, str) or len(value) > longest:
        errors[name] = [f"Must be a text of up to {longest} characters."]
        return ""
    return value


def _one_of(
    data: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str, errors: dict[str, list[str]]
) -> str:
    value = data.get(name, default)
    if not isinstance(value, str) or value not in choices:
        errors[name] = [f"Must be one of: {', '.join(choices)}."]
        return default
    return value

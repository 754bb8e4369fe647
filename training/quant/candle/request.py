"""A candle run's request, as API, form and command send it, read as a CandleSpec. No third-party import: web processes
load this module."""

from collections.abc import Collection, Mapping
from typing import Any

from instruments.quant.features.names import (
    FEATURE_GROUPS,
    FEATURE_SETS,
    NEXT_OPEN,
    feature_groups,
    feature_set_name,
)
from training.quant.candle.spec import (
    AFTERS,
    DECISIONS,
    DEFAULT_FEATURE_SET,
    FOLDS,
    MODELS,
    OPTIONAL_RANGES,
    PROTOCOLS,
    RANGES,
    TIMEFRAMES,
    CandleSpec,
    Range,
    SpecError,
    fixed_params,
    format_time,
    parse_time,
    ranges_with,
)


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

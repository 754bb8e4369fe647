"""What a universe run may be asked for: the one place that owns its names, defaults and ranges.

Command line, API and docs read them here. No third-party import: web processes load this module.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, ClassVar

from training.quant.candle.spec import SEED, Range, SpecError, parse_time

UNIVERSE_SPEC_VERSION = 2
UNIVERSE_RANGES: dict[str, Range] = {
    r.name: r
    for r in (
        Range("lookback_days", "Training history", 200, 36_500, 2000, 1, True, "calendar days", False),
        Range("horizon", "Horizon", 1, 120, 20, 1, True, "trading days", False),
        Range(
            "buy_threshold", "BUY when the return over the horizon is at least", 0.001, 1, 0.05, 0.005, False, "", False
        ),
        Range(
            "sell_threshold",
            "SELL when the return over the horizon is at most",
            -0.9,
            -0.001,
            -0.02,
            0.005,
            False,
            "",
            False,
        ),
        Range("embargo", "Embargo between train, validation and test", 0, 60, 0, 1, True, "trading days", False),
    )
}

SHARES = ("buy_threshold", "sell_threshold")  # fractions here, on the command line and in JSON; pages show per cent
HONEST, PHASE22 = RECIPES = ("honest", "phase22")  # the default of a new request first; without one a run is phase22
SCORES = ("composite", "trees")  # of the recipe honest: which of the two is the model of record
SWITCHES = ("refit", "confirm")  # on unless they are switched off
WARM_UP = 60  # bars before the first one whose features are defined


def days_needed(*, horizon: int, embargo: int) -> int:
    """Days with features and a known outcome that the three parts of a run take at least."""
    return 100 + 8 * horizon + 4 * embargo


@dataclass(frozen=True)
class UniverseSpec:
    """One universe run, validated. `as_of` is a day (ISO) to train as if it were the last, or None for the last bar."""

    kind: ClassVar[str] = "universe"

    universe: str = "all"
    lookback_days: int = 2000
    as_of: str | None = None
    horizon: int = 20
    buy_threshold: float = 0.05
    sell_threshold: float = -0.02
    embargo: int = 0
    refit: bool = True
    confirm: bool = True
    recipe: str = PHASE22
    score: str = SCORES[0]
    seed: int = SEED
    spec_version: int = UNIVERSE_SPEC_VERSION

    @property
    def candle_at(self) -> None:
        """A universe run has no decision candle."""
        return None

    @property
    def days_needed(self) -> int:
        return days_needed(horizon=self.horizon, embargo=self.embargo)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "UniverseSpec":
        """Back from what a run stored."""
        return cls(**{field.name: stored[field.name] for field in fields(cls) if field.name in stored})

    def params_hash(self) -> str:
        """SHA-256 over what makes a configuration: not the universe, the day it is trained as of, or whether a walk
        confirms it. That of `phase22` is as it was before there was another recipe."""
        besides = {"universe", "as_of", "confirm", *(("recipe", "score") if self.recipe == PHASE22 else ())}
        kept = {"kind": "universe", **{k: v for k, v in asdict(self).items() if k not in besides}}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def parse_universe_spec(data: Any, *, besides: Iterable[str] = ()) -> UniverseSpec:
    """The API's body as a UniverseSpec. Unknown fields, wrong types and values out of range raise SpecError; fields
    `besides` are the caller's to read.

    Whether the universe exists and has enough history is the service's question.
    """
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    known = {"universe", "as_of", "recipe", "score", *SWITCHES, *UNIVERSE_RANGES, *besides}
    errors = {
        str(name)[:60]: [f"Unknown field. Known: {', '.join(sorted(known))}."] for name in data if name not in known
    }
    values: dict[str, Any] = {}
    for name, wanted in UNIVERSE_RANGES.items():
        try:
            values[name] = wanted.check(data.get(name, wanted.default))
        except ValueError as error:
            errors[name] = [str(error)]
    values["universe"] = data.get("universe", "all")
    if not isinstance(values["universe"], str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", values["universe"]):
        errors["universe"] = ["Must be the name of a universe: up to 40 letters, digits, - and _."]
    for name in SWITCHES:
        values[name] = data.get(name, True)
        if not isinstance(values[name], bool):
            errors[name] = ["Must be true or false."]
    for name, choices in (("recipe", RECIPES), ("score", SCORES)):
        values[name] = data.get(name, choices[0])
        if values[name] not in choices:
            errors[name] = [f"Must be one of: {', '.join(choices)}."]
    if values["recipe"] == PHASE22 and "score" in data:
        errors["score"] = [f"Only the recipe {HONEST} has a choice of scores; leave it out."]
    values["as_of"] = _day(data.get("as_of"), errors)
    if errors:
        raise SpecError(errors)
    return UniverseSpec(**values)


def _day(value: Any, errors: dict[str, list[str]]) -> str | None:
    if value is None:
        return None
    try:
        return date.isoformat(parse_time(value).date())
    except ValueError as error:
        errors["as_of"] = [str(error)]
        return None

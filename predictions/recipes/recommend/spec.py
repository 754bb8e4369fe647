"""What recommendations are asked for: the newest bar, a past day, or a replay of many. Names and checks live here."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from training.quant.candle.spec import SpecError, parse_time

EVERY = ("week", "month")
FIELDS = ("universe", "as_of", "replay", "version", "in_sample")
REPLAY_FIELDS = ("from", "to", "every")


@dataclass(frozen=True)
class Replay:
    """The last session of each week or month that ends within `first` to `last` (ISO days, inclusive)."""

    first: str
    last: str
    every: str = "week"

    def period_ends(self) -> list[date]:
        """Sundays, or last days of months: a set is of the last session on or before its day."""
        first, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        if self.every == "week":
            return [day for day in days if day.isoweekday() == 7]
        return [day for day in days if (day + timedelta(days=1)).day == 1]


@dataclass(frozen=True)
class RecommendSpec:
    """`version` None: by the active models. Neither `as_of` nor `replay`: at the universe's newest bar. `schedule` is
    the number of the schedule that asks for it, if one does."""

    kind: ClassVar[str] = "recommend"

    universe: str
    as_of: str | None = None
    replay: Replay | None = None
    version: str | None = None
    in_sample: bool = False
    schedule: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "RecommendSpec":
        """Back from what a run stored."""
        replay = stored.get("replay")
        return cls(
            stored["universe"],
            stored.get("as_of"),
            Replay(**replay) if replay else None,
            stored.get("version"),
            stored.get("in_sample", False),
            stored.get("schedule"),
        )

    def params_hash(self) -> str:
        """SHA-256 over all but the schedule."""
        kept = {name: value for name, value in self.as_dict().items() if name != "schedule"}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def parse_recommend_request(data: Any) -> RecommendSpec:
    """The body of POST /api/recommendations/runs. Raises SpecError for what is unknown or can't be read; whether
    universe, model and day are there is the recipe's question."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    errors = _unknown(data, FIELDS)
    universe = data.get("universe", "all")
    if not isinstance(universe, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", universe):
        errors["universe"] = ["Must be the name of a universe: up to 40 letters, digits, - and _."]
    version = data.get("version")
    if version is not None and (not isinstance(version, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", version)):
        errors["version"] = ["Must be the version of a model, as GET /api/models lists them."]
    in_sample = data.get("in_sample", False)
    if not isinstance(in_sample, bool):
        errors["in_sample"] = ["Must be true or false."]
    as_of = _day(data, "as_of", errors)
    replay = _replay(data["replay"], errors) if data.get("replay") is not None else None
    if as_of and replay:
        errors["replay"] = ["Name either one day (as_of) or a replay."]
    if replay and in_sample:
        errors["in_sample"] = ["A replay is of days that the model has not seen."]
    if errors:
        raise SpecError(errors)
    return RecommendSpec(universe, as_of, replay, version, in_sample)


def _replay(data: Any, errors: dict[str, list[str]]) -> Replay | None:
    if not isinstance(data, Mapping):
        errors["replay"] = [f"Must be an object with {', '.join(REPLAY_FIELDS)}."]
        return None
    errors |= _unknown(data, REPLAY_FIELDS)
    first, last = (_day(data, name, errors, required=True) for name in REPLAY_FIELDS[:2])
    every = data.get("every", EVERY[0])
    if every not in EVERY:
        errors["every"] = [f"Must be one of: {', '.join(EVERY)}."]
    elif first and last and first > last:
        errors["to"] = ["Must not be before `from`."]
    return Replay(first, last, every) if first and last else None


def _unknown(data: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, list[str]]:
    return {
        str(name)[:60]: [f"Unknown field. Known: {', '.join(sorted(known))}."] for name in data if name not in known
    }


def _day(data: Mapping[str, Any], name: str, errors: dict[str, list[str]], *, required: bool = False) -> str | None:
    value = data.get(name)
    if value is None:
        if required:
            errors[name] = ["Required: a day, written as 2023-06-15."]
        return None
    try:
        return date.isoformat(parse_time(value).date())
    except ValueError as error:
        errors[name] = [str(error)]
        return None

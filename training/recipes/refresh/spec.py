"""What is asked of sources. Names, defaults and checks live here."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, ClassVar

from instruments.quant.ingest.checks import SYMBOL
from instruments.universes import ALL
from training.quant.candle.spec import SpecError, parse_time

FIELDS = ("source", "universe", "symbols", "since", "first", "last")
DAYS = ("since", "first", "last")
MOST_SYMBOLS = 5_000
_NOT_HASHED = ("schedule", "first", "last")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class RefreshSpec:
    """Bars of `universe` up to now, by the source of that name, "" for each that is on. `symbols`, where there are any,
    in the place of the universe. `since`: the first day of series without bars. `first` and `last`: bars of these days
    alone, in the place of what is new; both or none. `schedule` is the number of the
    schedule that asks for it, if one does; `features`: their table is brought up to date, too."""

    kind: ClassVar[str] = "refresh"

    source: str = ""
    universe: str = ALL
    symbols: tuple[str, ...] = ()
    since: str | None = None
    features: bool = False
    schedule: int | None = None
    first: str | None = None
    last: str | None = None

    @property
    def days(self) -> tuple[date, date] | None:
        return (date.fromisoformat(self.first), date.fromisoformat(self.last)) if self.first and self.last else None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self), "symbols": list(self.symbols)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "RefreshSpec":
        """Back from what a run stored, or as a schedule asks for it."""
        fields = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored and name != "kind"}
        return cls(**{**fields, "symbols": tuple(stored.get("symbols", ()))})

    def params_hash(self) -> str:
        """SHA-256 over all but the schedule, and days that aren't given: so it is what it was before there were any."""
        given = self.as_dict().items()
        asked = {name: value for name, value in given if name not in _NOT_HASHED or (value and name != "schedule")}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def parse_refresh_request(data: Any) -> RefreshSpec:
    """The body of POST /api/data/refresh. Raises SpecError for what is unknown or can't be read; whether source and
    universe are there is the recipe's question."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    known = ", ".join(sorted(FIELDS))
    errors = {str(name)[:60]: [f"Unknown field. Known: {known}."] for name in data if name not in FIELDS}
    given = {name: data[name] for name in FIELDS if data.get(name) is not None}
    for name in ("source", "universe"):
        if name in given and not (isinstance(given[name], str) and _NAME.fullmatch(given[name])):
            errors[name] = ["Must be a name of up to 40 letters, digits, - and _."]
    if "symbols" in given and (text := _symbols_problem(given["symbols"])):
        errors["symbols"] = [text]
    elif "symbols" in given and not given.get("source"):
        errors["source"] = ["Name the source that has these symbols."]
    for name in set(DAYS) & set(given):
        try:
            given[name] = date.isoformat(parse_time(given[name]).date())
        except ValueError as error:
            errors[name] = [str(error)]
    errors |= _days_problems(given) if not errors else {}
    if errors:
        raise SpecError(errors)
    return RefreshSpec.from_dict(given)


def _days_problems(given: Mapping[str, Any]) -> dict[str, list[str]]:
    first, last = given.get("first"), given.get("last")
    if first is None and last is None:
        return {}
    if first is None or last is None:
        return {"last" if last is None else "first": ["Give the first and the last day."]}
    if last < first:
        return {"last": ["Must not be before the first day."]}
    return {} if given.get("symbols") else {"symbols": ["Name the instruments whose bars of these days are asked for."]}


def _symbols_problem(symbols: Any) -> str:
    is_list = isinstance(symbols, list) and 0 < len(symbols) <= MOST_SYMBOLS
    if is_list and all(isinstance(symbol, str) and SYMBOL.fullmatch(symbol) for symbol in symbols):
        return ""
    return f"Must be a list of 1 to {MOST_SYMBOLS:,} symbols: up to 32 letters, digits and . ^ = - _ / each."

"""How an upload is to be stored. Names, defaults and checks live here."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from instruments.imports.report import REJECT, SKIP
from instruments.imports.services import BadName, universe_name_check
from instruments.models import Timeframe
from instruments.quant.ingest.checks import SYMBOL
from instruments.quant.ingest.headers import FIELDS
from training.quant.candle.spec import SpecError

DATE_ORDERS = ("day", "month")
ON_BAD = (REJECT, SKIP)
_SOURCE = 60  # characters
_COLUMN = 200


@dataclass(frozen=True)
class StoreSpec:
    """None: as the files say it. `columns`: field -> name of the files' column, "" for none. `date_order`: which number
    comes first where a month is written as one."""

    kind: ClassVar[str] = "store"

    upload_id: str
    columns: Mapping[str, str] = field(default_factory=dict)
    symbol: str | None = None
    timeframe: str | None = None
    date_order: str | None = None
    source: str | None = None
    on_bad: str = REJECT
    universe: str | None = None
    overwrite: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "StoreSpec":
        """Back from what a run stored."""
        return cls(**{name: value for name, value in stored.items() if name != "kind"})

    def params_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


OPTIONS = tuple(option.name for option in fields(StoreSpec) if option.name != "upload_id")


def parse_store_request(upload_id: str, data: Any) -> StoreSpec:
    """The body of POST /api/data/uploads/{id}/store. Raises SpecError for what is unknown or wrong."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    known = ", ".join(sorted(OPTIONS))
    errors = {str(name)[:60]: [f"Unknown field. Known: {known}."] for name in data if name not in OPTIONS}
    given = {name: data[name] for name in OPTIONS if data.get(name) is not None}
    for name, value in given.items():
        is_sound, text = _CHECKS[name]
        if not is_sound(value):
            errors[name] = [text]
    if errors:
        raise SpecError(errors)
    return StoreSpec(upload_id, **given)


def _are_columns(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        field in FIELDS and isinstance(column, str) and len(column) <= _COLUMN for field, column in value.items()
    )


def _is_universe(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(universe_name_check(value))
    except BadName:
        return False


def _is_choice(choices: Iterable[str]) -> tuple[Callable[[Any], bool], str]:
    values = tuple(choices)
    return lambda value: value in values, f"Must be one of: {', '.join(values)}."


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "columns": (_are_columns, f"Must be an object of columns' names, by field: {', '.join(FIELDS)}."),
    "symbol": (
        lambda value: isinstance(value, str) and bool(SYMBOL.fullmatch(value)),
        "Up to 32 letters, digits and . ^ = - _ / make a symbol.",
    ),
    "timeframe": _is_choice(Timeframe.values),
    "date_order": _is_choice(DATE_ORDERS),
    "source": (
        lambda value: isinstance(value, str) and 0 < len(value) <= _SOURCE and value.isprintable(),
        f"Must be a name of 1 to {_SOURCE} characters.",
    ),
    "on_bad": _is_choice(ON_BAD),
    "universe": (_is_universe, "Must be a name of up to 40 letters, digits, - and _; `all` means every instrument."),
    "overwrite": (lambda value: isinstance(value, bool), "Must be true or false."),
}

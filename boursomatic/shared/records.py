"""Records: typed JSON, written once. Stored JSON is read into them, answers are written from them, and the API's schema
is made of them (boursomatic.shared.openapi).

Answers keep their keys for good; what is added to a stored record has a default, so that older rows are still read.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["NOTHING", "NOTHING_YET", "UNSET", "Body", "Day", "Meta", "Moment", "Name", "Record", "Share", "Stored",
           "UnsetType", "about", "choice", "given", "not_both", "spelled", "to_json", "unique",
           "when"]  # fmt: skip

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # ISO 8601 in UTC, ending in Z
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]  # 2023-06-15
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]  # of a universe, of a source

# A record that comes with the result: until then {} stands in its place, which no typed value could be.
NOTHING: Any = {}
NOTHING_YET = Meta(description="Empty until the run has completed", extra_json_schema={"x-or-empty": True})


class Record(msgspec.Struct):
    """An object with these keys and no others. A field of type `X | UnsetType` is left out where it is UNSET."""


class Body(Record, forbid_unknown_fields=True):
    """What a request's JSON may hold: a field of another name is refused, and the schema says so. `rules`: what JSON
    Schema says of several fields together."""

    rules: ClassVar[dict[str, Any]] = {}


class Stored(Record, kw_only=True):
    """What a row keeps as JSON. `format` counts changes of shape that a default can't bridge: `read` then takes the
    steps from an older one. Rows older than the field are of format 1."""

    format: int = 1

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Keys that are not known are left alone. Raises msgspec.ValidationError, which names the key that is amiss."""
        return msgspec.convert(stored, cls)


def about(text: str) -> Meta:
    """What the schema says of a field."""
    return Meta(description=text)


def choice(values: Iterable[str | None], text: str | None = None) -> Meta:
    """A text that is one of these, and what the schema says of it. Django's choices are no enum to msgspec."""
    return Meta(description=text, extra_json_schema={"enum": list(values)})


def spelled(pattern: str) -> Meta:
    """A text that is like this as a whole."""
    return Meta(pattern=f"^(?:{pattern})$")


def unique() -> Meta:
    """A list that names each thing once."""
    return Meta(extra_json_schema={"uniqueItems": True})


def given(*names: str) -> dict[str, Any]:
    """The rule that these fields are sent, and not as null."""
    return {"required": [*names], "properties": {name: {"not": {"type": "null"}} for name in names}}


def when(name: str, value: Any) -> dict[str, Any]:
    """The condition that a field is sent with this value."""
    return {"required": [name], "properties": {name: {"const": value}}}


def not_both(one: str, other: str) -> dict[str, Any]:
    """The rule that two fields exclude each other."""
    return {"not": given(one, other)}


def to_json(value: Any) -> Any:
    """Records and dataclasses, however deep, as what `json` writes; tuples become lists."""
    return msgspec.to_builtins(value)

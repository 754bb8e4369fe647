"""What the API's schema takes from records, and the refusals that every endpoint shares."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ComponentIdentity, ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from boursomatic.shared.records import about
from boursomatic.shared.rest import DEFAULT_LIMIT, MAX_LIMIT, MOST_KEY

REFS = "#/components/schemas/{name}"
_identity: Any = ComponentIdentity  # untyped
_component: Any = ResolvedComponent
_TYPES: dict[str, Any] = {}  # component -> what it describes
_TWICE = "Two records are named {} in the schema; give one of them another name."


def whole_number(name: str, high: int, text: str) -> OpenApiParameter:
    """A parameter of the query: from 1 to `high`."""
    return OpenApiParameter(name, {"type": "integer", "minimum": 1, "maximum": high}, description=text)


_DAYS = "(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
_LEAP_YEARS = "(?:0[48]|[2468][048]|[13579][26])"  # of a century


def day_of(centuries: str) -> str:
    """The expression of a day as 2023-06-15 in these centuries, themselves an expression: `date` alone, JSON Schema's
    format, is any day of any year."""
    return f"(?:(?:{centuries})(?:[0-9]{{2}}-(?:{_DAYS})|{_LEAP_YEARS}-02-29)|2000-02-29)"


MOMENT = f"{day_of('1[789]|2[01]')}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?"


def text_like(name: str, expression: str, about: str, **more: Any) -> OpenApiParameter:
    """A parameter of the query: a text that is like this as a whole."""
    return OpenApiParameter(name, {"type": "string", "pattern": f"^(?:{expression})$"}, description=about, **more)


PAGE = [  # of an endpoint that answers by `list_answer`
    whole_number("limit", MAX_LIMIT, f"Default {DEFAULT_LIMIT}"),
    whole_number("before", MOST_KEY, "Carried by the Link header's next page"),
]


@dataclass(frozen=True)
class Shape:
    """Something else than one record, as a component of this name: an array, one of several records told apart by
    their tag, or by `other` whatever can't be told apart."""

    name: str
    type: Any
    other: tuple[Any, ...] = ()


REFUSAL = Shape(
    "Refusal",
    Annotated[
        dict[str, str | list[str]],
        about('`detail`, or messages by field: {"train_years": ["Must be a number from 0.5 to 10."]}.'),
    ],
)
_SAYS = {
    400: "Names the field or parameter and says what it must be",
    401: "No token and no login, or one that doesn't hold any more",
    403: "The role or the token's scopes don't allow it",
    404: "There is no such thing",
    409: "It contradicts how things stand now, and says how",
    413: "The body is too large",
    415: "The body is of another type",
    429: "Too many active runs; Retry-After says when to try again",
}


UNCHANGED = {304: OpenApiResponse(None, "As it was when the ETag in If-None-Match was given")}


def answers(status: int, shape: Any, *refusals: int) -> dict[int, Any]:
    """The responses of an operation: `shape` (a record, a Shape, None for no body), or a refusal. That a request is
    wrong (400), comes from nobody (401) or from somebody who may not (403) can happen everywhere."""
    refused = {code: OpenApiResponse(REFUSAL, _SAYS[code]) for code in sorted({400, 401, 403, *refusals})}
    return {status: shape, **refused}


class _Described(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """JSON Schema 2020-12 by msgspec, which OpenAPI 3.1 takes as it is; every record inside is a component too."""

    def get_name(self, auto_schema: Any, direction: str) -> str:
        shape = self._shape()
        if _TYPES.setdefault(shape.name, shape.type) is not shape.type:
            raise ValueError(_TWICE.format(shape.name))
        return shape.name

    def get_identity(self, auto_schema: Any, direction: str) -> Any:
        return _identity(self._shape().name)

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        shape = self._shape()
        schemas, components = msgspec.json.schema_components([shape.type, *shape.other], ref_template=REFS)
        schema = {"anyOf": list(schemas)} if shape.other else schemas[0]
        for name, component in components.items():
            if name != shape.name:
                _register(auto_schema.registry, name, _or_empty(component))
        return dict(_or_empty(components.get(shape.name, schema))) | getattr(shape.type, "rules", {})

    @abstractmethod
    def _shape(self) -> Shape:
        """What the target is described by."""


class _RecordSchema(_Described):  # type: ignore[no-untyped-call]
    target_class = msgspec.Struct
    match_subclasses = True

    def _shape(self) -> Shape:
        return Shape(self.target.__name__, self.target)


class _ShapeSchema(_Described):  # type: ignore[no-untyped-call]
    target_class = Shape

    def _shape(self) -> Shape:
        assert isinstance(self.target, Shape)
        return self.target


def _register(registry: Any, name: str, schema: dict[str, Any]) -> None:
    component = _component(name=name, type=ResolvedComponent.SCHEMA, object=_identity(name), schema=schema)
    if component in registry and registry[component].schema not in (None, schema):
        raise ValueError(_TWICE.format(name))
    registry.register_on_missing(component)


def _or_empty(schema: Any) -> Any:
    """Where a record may be missing as {}: this record or an empty object."""
    if isinstance(schema, list):
        return [_or_empty(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _or_empty(value) for name, value in schema.items()}
    if not inner.pop("x-or-empty", False):
        return inner
    text = inner.pop("description")
    return {"description": text, "anyOf": [inner, {"type": "object", "maxProperties": 0}]}

"""Answers held against the API's schema, both ways: no key that isn't documented, none documented that is missing."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

Json = Any
REF = "#/components/schemas/"


@cache
def api_schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """(method, path as documented) -> operation."""
    return {
        (method.upper(), path): operation
        for path, item in api_schema()["paths"].items()
        for method, operation in item.items()
    }


def component(schema: Json) -> dict[str, Any]:
    """The record that this schema is, among others or alone."""
    ref = schema.get("$ref") or next(branch["$ref"] for branch in schema["anyOf"] if "$ref" in branch)
    found: dict[str, Any] = api_schema()["components"]["schemas"][ref.removeprefix(REF)]
    return found


class Witness:
    """Takes real answers, keeps what of the schema they have shown."""

    def __init__(self) -> None:
        self.components = copy.deepcopy(api_schema()["components"]["schemas"])
        self.closed = {"components": {"schemas": {n: _closed(s) for n, s in self.components.items()}}}
        self.statuses: set[tuple[str, str, str]] = set()
        self.keys: set[tuple[str, str]] = set()  # (component, key)
        self.wrong: list[str] = []

    def see(self, method: str, path: str, status: int, body: Json) -> None:
        """`path` as documented; `body` is None where there is none."""
        self.statuses.add((method, path, str(status)))
        response = operations()[method, path]["responses"].get(str(status))
        where = f"{method} {path} {status}"
        if response is None:
            self.wrong.append(f"{where}: not documented: {body}")
        elif "content" not in response:
            self.wrong += [f"{where}: has a body"] if body else []
        else:
            schema = response["content"]["application/json"]["schema"]
            self.wrong += [f"{where}: {problem}" for problem in self._problems(schema, body)]
            self._keep(schema, body)

    def unseen_keys(self) -> set[str]:
        """Documented in an answer that a 2xx gives, and in none of those seen."""
        documented = set()
        for operation in operations().values():
            for status, response in operation["responses"].items():
                if status.startswith("2") and "content" in response:
                    documented |= set(self._reachable(response["content"]["application/json"]["schema"], set()))
        return {f"{name}.{key}" for name, key in documented - self.keys}

    def _problems(self, schema: Json, body: Json) -> Iterator[str]:
        for error in Draft202012Validator(self.closed | _closed(schema)).iter_errors(body):
            deepest = error
            while deepest.context:  # of alternatives the one that fits best
                deepest = max(deepest.context, key=lambda one: len(one.absolute_path))
            yield f"{deepest.json_path}: {deepest.message[:200]}"

    def _keep(self, schema: Json, body: Json, name: str = "") -> None:
        if ref := schema.get("$ref"):
            name = ref.removeprefix(REF)
            self._keep(self.components[name], body, name)
        for branch in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            if not list(self._problems(branch, body)):
                self._keep(branch, body, name)
        if isinstance(body, list):
            for item in body:
                self._keep(schema["items"], item) if isinstance(schema.get("items"), dict) else None
        elif isinstance(body, dict):
            for key, value in body.items():
                if key in schema.get("properties", {}):
                    self.keys.add((name, key))
                    self._keep(schema["properties"][key], value)
                elif isinstance(schema.get("additionalProperties"), dict):
                    self._keep(schema["additionalProperties"], value)

    def _reachable(self, schema: Json, passed: set[str], name: str = "") -> Iterator[tuple[str, str]]:
        """Component and key of all that an answer by this schema may hold."""
        if ref := schema.get("$ref"):
            name = ref.removeprefix(REF)
            if name not in passed:
                passed.add(name)
                yield from self._reachable(self.components[name], passed, name)
        for key, inner in schema.get("properties", {}).items():
            yield name, key
            yield from self._reachable(inner, passed)
        for branch in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            yield from self._reachable(branch, passed, name)
        for holder in ("items", "additionalProperties"):
            if isinstance(schema.get(holder), dict):
                yield from self._reachable(schema[holder], passed)


def _closed(schema: Json) -> Json:
    """The same, without room for keys that are not named."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        inner.setdefault("additionalProperties", False)
    return inner

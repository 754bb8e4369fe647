"""What every endpoint shares: strict JSON in, one shape of errors out, lists newest first, page by page."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import authentication, status
from rest_framework.exceptions import (
    APIException,
    NotFound,
    ParseError,
    PermissionDenied,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.shared.paging import Row, keyset_page

DEFAULT_LIMIT = 100
MAX_LIMIT = 200
MOST_KEY = 2**63 - 1
_BRACKETS = (dict, list)
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")


class DenyAll(BasePermission):
    """What a view has that declares no permission: nobody gets in."""

    message = "This address declares no permission, so nobody may use it."

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's login, with CSRF; anonymous is 401 because the token's header is asked for first."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(
                "The request lacks the page's CSRF token. From a browser send it as X-CSRFToken; "
                "from a program use a token (Authorization: Token …)."
            ) from error


class Conflict(APIException):
    """What was asked for contradicts how things stand now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TooLarge(APIException):
    """A body beyond the parser's limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class StrictJSONParser(BaseParser):
    """JSON without surprises: no name twice, no towers of brackets, no huge bodies.

    NaN, Infinity and 1e400 are let through as floats: the check of the field they stand in answers with its name and
    range, which helps more than "not JSON".
    """

    media_type = "application/json"
    max_bytes = 100_000
    max_depth = 10

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise TooLarge(f"The body is larger than {self.max_bytes:,} bytes. Send less at once.")
        try:
            text = raw.decode("utf-8")
            data = json.loads(text, object_pairs_hook=_no_name_twice)
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        except RecursionError as error:
            raise ParseError(self._too_deep) from error
        except ValueError as error:  # JSONDecodeError is one; so are our own sentences and digits beyond Python's limit
            raise ParseError(f"The body is not valid JSON: {error}") from error
        self._check(data, may_hold_no_characters="\\u" in text)  # UTF-8 has no surrogates, a bare NUL is no JSON
        return data

    @property
    def _too_deep(self) -> str:
        return f"The JSON is nested deeper than {self.max_depth} levels."

    def _check(self, data: Any, *, may_hold_no_characters: bool) -> None:
        """Depth, and text that no database stores: NUL and halves of surrogate pairs. A level of brackets at a time,
        because 20 MB of bars hold a million values."""
        level: list[Any] = [[data]]
        for _ in range(self.max_depth + 1):
            inner = [value for item in level for value in (item.values() if isinstance(item, dict) else item)]
            if may_hold_no_characters:
                names = [name for item in level if isinstance(item, dict) for name in item]
                if _NO_CHARACTER.search("".join([*names, *(value for value in inner if isinstance(value, str))])):
                    raise ParseError("A text holds a NUL or half a surrogate pair, which is no character.")
            level = [value for value in inner if isinstance(value, _BRACKETS)]
        if level:
            raise ParseError(self._too_deep)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:60]!r} stands twice in one object.")
    return found


def invalid(errors: Mapping[str, Iterable[str]]) -> ValidationError:
    """400 in DRF's shape: messages by field; what concerns no field is `detail`, a single text."""
    return ValidationError({k: " ".join(v) if k == "detail" else list(v) for k, v in errors.items()})


def known_only(request: Request, *names: str) -> None:
    """A misspelt filter must not answer with everything: 400 for query parameters that are not known."""
    if unknown := [name for name in request.query_params if name not in names]:
        raise invalid({name[:60]: [f"Unknown parameter. Known: {', '.join(names) or 'none'}."] for name in unknown})


def json_body(request: Request, fields: Collection[str]) -> dict[str, Any]:
    """The JSON object that was sent, nothing in it but these fields. Raises 400 in words."""
    if not isinstance(request.data, dict):
        raise invalid({"detail": ["The body must be a JSON object."]})
    known = ", ".join(sorted(fields))
    if unknown := [str(name) for name in request.data if name not in fields]:
        raise invalid({name[:60]: [f"Unknown field. Known: {known}."] for name in unknown})
    return dict(request.data)


def idempotency_key(request: Request) -> str:
    """What the header of that name says, "" without one."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not (len(key) <= 200 and key.isascii() and key.isprintable()):
        raise invalid({"detail": ["Idempotency-Key must be up to 200 printable ASCII characters."]})
    return key


def list_answer(
    request: Request, rows: QuerySet[Row], present: Callable[[list[Row]], list[dict[str, Any]]]
) -> Response:
    """A JSON array, newest first by primary key; `Link: <…>; rel="next"` where more follow. `present` gets a page at
    once, so that it may ask the database for all its rows together.

    Query: `limit` (1–200) and `before`, which the link carries: the key of the last row shown.
    """
    limit, before = page_asked(request)
    shown, older = keyset_page(rows, before=before, size=limit)
    headers = {}
    if older:
        query = {**request.query_params.dict(), "limit": limit, "before": older}
        address = f"{request.build_absolute_uri(request.path)}?{urlencode(query)}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Response(present(shown), headers=headers)


def page_asked(request: Request) -> tuple[int, int]:
    """`limit` and `before`, 0 where there is none. Raises 400."""
    return _whole(request, "limit", DEFAULT_LIMIT, MAX_LIMIT), _whole(request, "before", 0, MOST_KEY)


def _whole(request: Request, name: str, default: int, high: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= high):
        raise invalid({name: [f"Must be a whole number from 1 to {high}."]})
    return int(text)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's shapes with sentences that say what would do; None lets Django answer 500 (boursomatic.errors).

    Not DRF's own handler: its module asks the settings for our classes while it loads, and must not be needed here.
    """
    if isinstance(error, Http404):
        error = NotFound(*error.args[:1])
    elif isinstance(error, DjangoPermissionDenied):
        error = PermissionDenied(*error.args[:1])
    elif isinstance(error, UnsupportedMediaType):
        types = " or ".join(parser.media_type for parser in context["view"].parser_classes)
        error = UnsupportedMediaType("", detail=f"Send it with the header Content-Type: {types}.")
    if not isinstance(error, APIException):
        return None
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    shaped = error.detail if isinstance(error.detail, dict) else {"detail": error.detail}
    return Response(shaped, status=error.status_code, headers=headers)

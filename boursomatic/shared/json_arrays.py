"""Answers full of arrays, straight to JSON: ten thousand rows through a serializer take ten times as long."""

import gzip
import re
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
LEAST_BYTES = 1024  # below it compressing gains nothing
LEVEL = 1  # higher ones take several times as long and gain a tenth
_GZIP = re.compile(r"(?<![\w-])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))")


def json_answer(request: HttpRequest | Request, answer: Any, *, etag: str = "") -> HttpResponse:
    """`answer` may hold C-contiguous numpy arrays; datetime64 becomes ISO 8601 in UTC ending in Z, NaN becomes null.

    Compressed where the client takes gzip. Only for answers without a secret: of a page with a token in it, lengths
    could tell the token (BREACH).
    """
    content = orjson.dumps(answer, option=_OPTIONS)
    response = HttpResponse(content, content_type="application/json")
    if len(content) >= LEAST_BYTES and _GZIP.search(request.headers.get("Accept-Encoding", "")):
        response.content = gzip.compress(content, compresslevel=LEVEL, mtime=0)
        response["Content-Encoding"], etag = "gzip", etag and f"W/{etag}"  # other bytes than the plain answer's
    if etag:
        response["ETag"], response["Cache-Control"] = etag, "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response

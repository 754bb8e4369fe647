"""The id of every request and its line in the log, headers for every answer, and a health check that any name of the
host is good for."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils.encoding import escape_uri_path
from django.utils.functional import LazyObject
from structlog.contextvars import bound_contextvars

View = Callable[[HttpRequest], HttpResponse]

# No inline script or style anywhere: what a page needs comes from our own static files. Tabler's icons are data: URLs.
CONTENT = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# What of the browser no page needs, nor may anything ask for that finds its way into one.
UNUSED = ("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
          "microphone", "midi", "payment", "usb")  # fmt: skip
PERMISSIONS = ", ".join(f"{feature}=()" for feature in UNUSED)

LONGEST_PATH = 500  # in a line of the log
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
log = logging.getLogger("boursomatic.access")


def request_ids(get_response: View) -> View:
    """The proxy's or caller's id of a request, or one of our own: in each line that the request causes, in its answer,
    and in its access line, which says nothing of the query."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        begun = time.perf_counter()
        with bound_contextvars(request_id=request_id):
            response = get_response(request)
            took, path = round((time.perf_counter() - begun) * 1000, 1), escape_uri_path(request.path)[:LONGEST_PATH]
            fields: dict[str, object] = {
                "method": request.method,
                "path": path,
                "status": response.status_code,
                "duration_ms": took,
            }
            user = {"user": name} if (name := _user_name(request)) else {}
            level = logging.DEBUG if path == "/healthz" else logging.INFO  # asked every few seconds, by machines alone
            log.log(level, "%s %s %d in %.1f ms", request.method, path, response.status_code, took, extra=fields | user)
        response["X-Request-ID"] = request_id
        return response

    return middleware


def _user_name(request: HttpRequest) -> str:
    """Of who was looked up to answer; the log asks the database nothing."""
    user = vars(request).get("user")
    if isinstance(user, LazyObject):
        user = vars(request).get("_cached_user")
    return user.get_username() if user else ""


def policies(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT)
        response.setdefault("Permissions-Policy", PERMISSIONS)
        return response

    return middleware


def healthz_by_any_name(get_response: View) -> View:
    """Who checks a host's health knows an address, which is in no ALLOWED_HOSTS; the answer has nothing of the name in
    it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            answer: HttpResponse = resolve(request.path_info).func(request)
            return answer
        return get_response(request)

    return middleware

"""Headers for every answer, and a health check that any name of the host is good for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

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

"""How many requests were answered, how, and how fast: counters that the web processes of a host share.

They lie in mapped files below BOURSOMATIC_HOME where the web server names the folder (boursomatic/serve/gunicorn.py);
in any other process they are its own.
"""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_OWN = CollectorRegistry()
_REQUESTS = Counter("boursomatic_requests", "Requests answered", ["method", "status"], registry=_OWN)
_SECONDS = Histogram(
    "boursomatic_request_seconds",
    "Time from a request's arrival in Django to its answer; what is streamed later doesn't count",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=_OWN,
)


def count_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = get_response(request)
        method = request.method if request.method in METHODS else "other"
        _REQUESTS.labels(method, response.status_code).inc()
        _SECONDS.observe(time.perf_counter() - begun)
        return response

    return middleware


def requests_counted() -> CollectorRegistry:
    """Of all web processes of this host, where they share a folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _OWN
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry

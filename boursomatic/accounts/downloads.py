"""Downloads in the audit: whatever a page or an endpoint answers as a file to be saved, archives and CSV alike."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from boursomatic.accounts.audit import audit

LONGEST_QUERY = 500


def audit_downloads(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_file = response.headers.get("Content-Disposition", "").startswith("attachment")
        if is_file and response.status_code == 200 and request.method == "GET" and isinstance(request.user, User):
            audit(request.user, "file.download", request.path, query=request.GET.urlencode()[:LONGEST_QUERY])
        return response

    return middleware

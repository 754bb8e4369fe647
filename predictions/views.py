"""Pages of what we advise."""

import hashlib
import json

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from predictions.choices import model_choices


@require_GET
@page_permission(Scope.READ)
def choices(request: HttpRequest) -> HttpResponseBase:
    """What the chart's dropdown of models holds; asked again and again, so 304 while nothing changes."""
    found = json.dumps(model_choices(request.GET.get("symbol", ""), request.GET.get("timeframe", "1d")))
    etag = f'"{hashlib.sha256(found.encode()).hexdigest()[:32]}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    return HttpResponse(
        found, content_type="application/json", headers={"ETag": etag, "Cache-Control": "private, no-cache"}
    )

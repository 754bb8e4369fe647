"""What Ctrl-K asks while a person types."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Role, Scope, role_of
from predictions.web.presenters.palette import palette as found_places

LONGEST = 100  # characters


@require_GET
@page_permission(Scope.READ)
def palette(request: HttpRequest) -> JsonResponse:
    """`?text=`: up to ten places of each kind."""
    text = request.GET.get("text", "").replace("\0", "")[:LONGEST]
    return JsonResponse({"groups": found_places(text, is_admin=role_of(request.user) is Role.ADMIN)})

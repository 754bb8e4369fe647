"""Errors in plain words: JSON under /api/, a page elsewhere, never a traceback."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import loader

from boursomatic.accounts.members import admins
from boursomatic.accounts.permissions import NoRole
from boursomatic.shared.disk import cannot_write
from boursomatic.shared.stores import StoreFailed

# Where it is and what it refuses is for who runs the site, and in the log.
STORE_AWAY = "The store of files can't be used now. Try again in a minute; if it stays so, tell who runs the site."


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _answer(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"detail": sentence}, status=status)
    return render(request, f"{status}.html", {"sentence": sentence}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    # Not through base.html: what is wrong may be the host or a header that the page's shell would read again.
    sentence = "The request can't be understood. Go back and try again."
    if _wants_json(request):
        return JsonResponse({"detail": sentence}, status=400)
    return HttpResponse(loader.get_template("400.html").render({"sentence": sentence}), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, NoRole) and not _wants_json(request):
        return render(request, "accounts/no_role.html", {"admins": admins()}, status=403)
    return _answer(request, 403, str(exception or "") or "You may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, 403, "The form was too old or came from another site. Go back, reload, and send it again.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    given: Any = exception.args[0] if exception and exception.args else ""
    if isinstance(given, str) and given:
        return _answer(request, 404, given)
    if _wants_json(request):
        return _answer(request, 404, "There is nothing at this address. /api/docs lists what there is.")
    return _answer(request, 404, "There is nothing at this address. It may have been deleted, or the link is mistyped.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Says so without database, session or shell: any of them may be what failed. 503 where nothing can be written or a
    store of files is away."""
    problem = sys.exc_info()[1]
    status, sentence = 500, "Something broke on our side; it was written to the server's log. Try again in a moment."
    if problem is not None and cannot_write(problem):
        status, sentence = 503, "Nothing can be stored: the disk is full or read-only. Free some space, then try again."
    if isinstance(problem, StoreFailed):
        status, sentence = 503, STORE_AWAY
    if _wants_json(request):
        return JsonResponse({"detail": sentence}, status=status)
    return HttpResponse(loader.get_template(f"{status}.html").render({"sentence": sentence}), status=status)

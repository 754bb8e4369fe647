"""The page of notices, and which of them a person gets by e-mail."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.notices import services
from boursomatic.notices.models import NoticeKind
from boursomatic.notices.tables import NOTICES
from boursomatic.shared.pages import wants_fragment
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv


@require_GET
@page_permission(Scope.READ)
def notices(request: HttpRequest) -> HttpResponseBase:
    """`?kind=`; what the person hasn't seen is marked. A browser that shows it says so by `notices_seen`."""
    user = person_of(request)
    mine = services.visible_to(user)
    kind = request.GET.get("kind", "")
    rows = mine.filter(kind=kind) if kind in NoticeKind else mine
    if wants_csv(request):
        return csv_response(NOTICES, row_chunks(request, NOTICES, rows))
    newest = mine.order_by("-pk").values_list("pk", flat=True).first()
    context = {
        "page": table_page(request, NOTICES, rows),
        "kind": kind,
        "kinds": services.kinds_for(user),
        "seen": services.seen_upto(user),
        "newest": newest,
    }
    return render(request, "notices/list.html", context)


@require_POST
@page_permission(Scope.READ)
def notices_seen(request: HttpRequest) -> HttpResponse:
    """All up to the newest that the page (`upto`) was made with; answers with the bell."""
    upto = request.POST.get("upto", "")
    services.notices_see(person_of(request), int(upto) if upto.isdecimal() and len(upto) < 19 else 0)
    return render(request, "notices/_bell.html") if wants_fragment(request) else redirect("notices")


@require_POST
@page_permission(Scope.READ)
def mail_choices(request: HttpRequest) -> HttpResponse:
    """The kinds (`kinds`) that are mailed from now on, and the address (`email`) that they go to."""
    try:
        address = forms.EmailField(required=False, max_length=254).clean(request.POST.get("email", ""))
    except ValidationError:
        messages.error(request, "That is no e-mail address, so nothing was changed. Write it as name@company.com.")
        return redirect("account")
    services.mail_kinds_choose(person_of(request), request.POST.getlist("kinds"), address=address)
    messages.success(request, "Your choice of e-mails is kept.")
    return redirect("account")

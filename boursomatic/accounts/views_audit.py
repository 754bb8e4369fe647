"""The page of the audit, for admins: who did what, filtered, as CSV, and whether its chain holds."""

import json
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from boursomatic.accounts.chain import chain_verify
from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.permissions import admin_only
from boursomatic.shared.tables import Column, Table, TableName, csv_response, row_chunks, table_page, wants_csv

AUDIT = Table[AuditEntry](
    name=TableName.AUDIT,
    columns=(
        Column("at", "At (UTC)", lambda entry: entry.at, sort="pk", begins_high=True),
        Column("person", "Person", lambda entry: person_name(entry.user)),
        Column("action", "Action", lambda entry: entry.action),
        Column("subject", "About", lambda entry: entry.subject),
        Column("details", "Details", lambda entry: json.dumps(entry.details, ensure_ascii=False) * bool(entry.details)),
        Column("number", "Number", lambda entry: entry.number, title="In the chain; none in the first moments"),
    ),
    more=(Column("hash", "Hash", lambda entry: entry.hash),),
)


@require_GET
@admin_only
@never_cache
def audit_log(request: HttpRequest) -> HttpResponseBase:
    """`?person=&action=&from=&to=`, days in UTC; with `verify=1` the chain is followed from its first entry."""
    problem = ""
    try:
        rows = _filtered(request)
    except (ValueError, OverflowError):
        rows, problem = AuditEntry.objects.none(), "Write days as YYYY-MM-DD, for instance 2026-11-30."
    rows = rows.select_related("user")
    if wants_csv(request):
        return csv_response(AUDIT, row_chunks(request, AUDIT, rows))
    page = table_page(request, AUDIT, rows)
    page.filters.pop("verify", None)  # once, not on every page that follows
    context = {
        "page": page,
        "filters": {name: _text(request, name) for name in ("person", "action", "from", "to")},
        "problem": problem,
        "chain": chain_verify() if request.GET.get("verify") == "1" else None,
    }
    return render(request, "accounts/audit.html", context, status=400 if problem else 200)


def person_name(user: User | None) -> str:
    """Nobody's name stands for commands on the server and for what happens by itself."""
    return user.get_username() if user else ""


def _filtered(request: HttpRequest) -> QuerySet[AuditEntry]:
    """Raises ValueError or OverflowError for what is no day. Wrong passwords for a person's name count as theirs."""
    rows = AuditEntry.objects.all()
    if person := _text(request, "person"):
        rows = rows.filter(Q(user__username=person) | Q(action="session.refuse", subject=person))
    if action := _text(request, "action"):
        rows = rows.filter(action__startswith=action)
    if first := _text(request, "from"):
        rows = rows.filter(at__gte=_midnight(first))
    if last := _text(request, "to"):
        rows = rows.filter(at__lt=_midnight(last) + timedelta(days=1))
    return rows


def _text(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()  # PostgreSQL has no text with NUL


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), UTC)

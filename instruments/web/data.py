"""Files of bars uploaded on pages, and what is stored."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Max, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page
from instruments.imports.uploads import (
    UploadRefused,
    reading_settings_forget,
    reading_settings_get,
    reading_settings_keep,
    upload_create,
    upload_find,
    upload_findings,
    upload_read,
)
from instruments.models import ReadingSettings, Series, Timeframe, Upload
from instruments.web.forms import UploadForm

GONE = "There is no such upload. It is kept for an hour; upload the files again."
SHOWN = 20  # symbols, bad rows


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.DATA)
def data(request: HttpRequest) -> HttpResponse:
    """What is stored, and for managers the form that uploads."""
    problem, status = "", 200
    if request.method == "POST":
        try:
            upload = upload_create(user=request.user, files=request.FILES.getlist("files"))
        except UploadRefused as refusal:
            problem, status = str(refusal), refusal.code
        else:
            upload_read(upload=upload, options=reading_settings_get(request.POST.get("settings", "")))
            return redirect("data-upload", upload.pk)
    context = {
        "problem": problem,
        "may_upload": may(request.user, Scope.DATA),
        "uploads": Upload.objects.filter(expires_at__gt=timezone.now()).select_related("user")[:SHOWN],
        "kept": ReadingSettings.objects.select_related("user"),
        "stored": _stored(),
    }
    return render(request, "instruments/data.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.DATA)
def upload(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """What an upload holds and what storing it would change; sent, it is read again as the form says."""
    staged = upload_find(upload_id)
    if staged is None:
        raise Http404(GONE)
    if request.method == "POST":
        form = UploadForm(staged, request.POST)
        if form.is_valid():
            upload_read(upload=staged, options=form.options())
            if name := form.cleaned_data["keep_as"]:
                reading_settings_keep(name=name, options=form.options(), user=request.user)
                messages.success(request, f"Kept as {name}. Choose it when you upload such files again.")
        else:
            messages.warning(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return redirect("data-upload", staged.pk)
    findings = upload_findings(staged)
    report = findings.report
    context = {
        "upload": staged,
        "findings": findings,
        "report": report,
        "form": UploadForm(staged),
        "asks": {file.asks for file in report.files} if report else set(),
        "symbols": report.symbols[:SHOWN] if report else [],
        "problems": report.problems[:SHOWN] if report else [],
        "more_problems": len(report.problems[SHOWN:]) + report.problems_omitted if report else 0,
        "may_store": report is not None and any(file.good for file in report.files),
    }
    return render_page(request, "instruments/upload.html", "instruments/_upload.html", context)


@require_POST
@page_permission(Scope.DATA)
def settings_forget(request: HttpRequest) -> HttpResponse:
    """Settings that no file needs any more."""
    reading_settings_forget(name=request.POST.get("name", ""), user=request.user)
    return redirect("data")


def _stored() -> list[dict[str, object]]:
    """By timeframe: instruments, bars, from when to when."""
    rows = Series.objects.filter(rows__gt=0).order_by().values("timeframe")
    covered = rows.annotate(instruments=Count("pk"), total=Sum("rows"), first=Min("first"), last=Max("last"))
    return [{**row, "label": Timeframe(row["timeframe"]).label} for row in covered.order_by("timeframe")]

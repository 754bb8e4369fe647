"""The page of backups, for admins: which there are, one more now, and how to restore."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import admin_only, person_of
from boursomatic.accounts.roles import Role, role_of
from boursomatic.shared.pages import render_page
from training.models import TrainingRun
from training.queue import hosts
from training.recipes.backup.page import backups_context
from training.runs.backups import backup_start
from training.web.views.runs import show


@require_GET
@admin_only
@never_cache
def backups(request: HttpRequest) -> HttpResponse:
    """Polls itself while a backup is on its way."""
    context = backups_context() | {"has_workers": hosts.alive().exists()}
    return render_page(request, "training/backup/list.html", "training/backup/_list.html", context)


@require_POST
@admin_only
def backup_now(request: HttpRequest) -> HttpResponse:
    _, is_new = backup_start(user=person_of(request))
    messages.success(request, "Queued, starts within seconds." if is_new else "A backup is on its way already.")
    return redirect("backups")


def show_backup(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """How far it is, and the way to the others."""
    is_admin = role_of(request.user) is Role.ADMIN
    return show(request, run, next_steps=[("Backups", "/backups/")] if run.is_terminal and is_admin else [])

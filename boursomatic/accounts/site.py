"""The admin site: for the role admin, entered through the platform's own login; history on it can't be changed."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator

from boursomatic.accounts.audit import audit
from boursomatic.accounts.permissions import admin_only
from boursomatic.accounts.roles import Role, role_of


class Site(AdminSite):
    site_header = site_title = "Boursomatic admin"
    index_title = "Everything that is stored"

    def has_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) is Role.ADMIN

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Anonymous to the login page, others without the role to 403, instead of Django's second login form."""
        return admin_only(super().admin_view(view, cacheable))

    @method_decorator(admin_only)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:index")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        """Where guesses at the old one are counted, which Django's form doesn't do."""
        return redirect("password")


class AuditedAdmin(ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """What is done here stands in the audit too."""

    show_full_result_count = False
    list_per_page = 100

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, "create", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, "change", obj, message=str(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for obj in queryset:
            self._audit(request, "delete", obj)
        return super().log_deletions(request, queryset)  # type: ignore[arg-type]  # Django passes lists too

    def person(self, request: HttpRequest) -> User:
        """Who is working here: the site lets nobody else in."""
        assert isinstance(request.user, User)
        return request.user

    def _audit(self, request: HttpRequest, verb: str, obj: Model, **details: object) -> None:
        audit(request.user, f"{obj._meta.model_name}.{verb}", str(obj), via="admin site", **details)


class HistoryAdmin(AuditedAdmin):
    """To look at only: what happened is not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

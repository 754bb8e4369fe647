from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from boursomatic.accounts.members import access_end
from boursomatic.accounts.models import ApiToken, AuditEntry
from boursomatic.accounts.roles import role_of
from boursomatic.accounts.site import AuditedAdmin, HistoryAdmin
from boursomatic.accounts.tokens import token_revoke, tokens_revoke

admin.site.unregister(User)
admin.site.unregister(Group)  # the four roles are fixed


@admin.register(User)
class MemberAdmin(AuditedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Members and their roles. Nobody is deleted: a member who left is made inactive, and history keeps the name."""

    list_display = ("username", "role", "email", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    list_select_related = False
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (
            "Role",
            {
                "fields": ("groups", "is_superuser", "is_active"),
                "description": "The group is the role; of several the highest counts. A superuser is always an admin, "
                "and is made on the server alone. "
                "Make a member who left inactive: tokens and login stop at once.",
            },
        ),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2", "groups")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="role")
    def role(self, member: User) -> str:
        return role_of(member) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody locks himself out: one's own role is another admin's to change."""
        own = ("groups", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return ("last_login", "date_joined", "is_superuser", *own)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """As where members change it themselves: tokens end with the password. One's own is changed there alone, where
        the old one is asked for."""
        member = self.get_object(request, unquote(id))
        if member == self.person(request):
            return redirect("password")
        response = super().user_change_password(request, id, form_url)
        if member and request.method == "POST" and response.status_code == 302:
            tokens_revoke(user=member, by=self.person(request))
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """As on the page of members: sessions and tokens of who becomes inactive don't come back with them."""
        super().save_model(request, obj, form, change)
        if "is_active" in form.changed_data and not obj.is_active:
            access_end(user=obj, by=self.person(request))


@admin.register(ApiToken)
class ApiTokenAdmin(HistoryAdmin):
    """Everybody's tokens, to revoke. Only their owners make them."""

    list_display = ("name", "user", "scopes", "created", "expiry", "last_used_at")
    list_display_links = ("name", "created")
    list_filter = ("expiry",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "scopes", "created", "expiry", "last_used_at")
    actions = ("revoke",)

    @admin.action(description="Revoke the chosen tokens")
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        for token in tokens.select_related("user"):
            token_revoke(token=token, by=request.user)
        self.message_user(request, "The chosen tokens open nothing any more.")


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    list_display = ("at", "user", "action", "subject")
    list_filter = ("action", "at")
    list_select_related = ("user",)
    search_fields = ("action", "subject", "user__username")
    date_hierarchy = "at"

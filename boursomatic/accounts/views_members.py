"""The page of members, for admins: who there is, and all that is done to accounts from day to day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from boursomatic.accounts import members as service
from boursomatic.accounts.forms import InviteForm
from boursomatic.accounts.mail import mail_send
from boursomatic.accounts.models import AuditEntry, SecondFactor
from boursomatic.accounts.permissions import admin_only, person_of
from boursomatic.accounts.roles import Role, held_role
from boursomatic.shared.tables import BY_VALUE, Column, Table, TableName, csv_response, lines_page, wants_csv


@dataclass(frozen=True)
class MemberLine:
    """`link_ends` is when an invitation does that was not taken yet."""

    user: User
    role: Role | None
    last_seen: datetime | None
    link_ends: datetime | None
    tokens: int
    has_second_factor: bool
    is_own: bool

    @property
    def name(self) -> str:
        return service.member_name(self.user)

    @property
    def state(self) -> str:
        return "invited" if self.link_ends else "active" if self.user.is_active else "inactive"


ACCOUNTS = Table[MemberLine](
    name=TableName.ACCOUNTS,
    columns=(
        Column("member", "Member", lambda line: line.name, sort=BY_VALUE),
        Column("role", "Role", lambda line: line.role.label.lower() if line.role else None, sort=BY_VALUE),
        Column(
            "seen",
            "Last seen (UTC)",
            lambda line: line.last_seen,
            sort=BY_VALUE,
            begins_high=True,
            title="The latest of login, use of a token and change that was recorded",
        ),
        Column("state", "State", lambda line: line.state, sort=BY_VALUE),
        Column("second_factor", "Second factor", lambda line: "on" if line.has_second_factor else "off", sort=BY_VALUE),
    ),
    more=(
        Column("name", "Name", lambda line: line.user.get_full_name()),
        Column("email", "E-mail", lambda line: line.user.email),
        Column("link_until", "Link until (UTC)", lambda line: line.link_ends),
    ),
)


CHANGES: dict[str, tuple[Callable[..., None], str]] = {
    "deactivate": (service.member_deactivate, "{} is inactive: sessions and tokens have ended."),
    "activate": (service.member_activate, "{} can log in again."),
    "logout": (service.member_log_out, "{} is logged out of every browser."),
    "factor": (
        service.member_second_factor_reset,
        "{} logs in with the password alone, and is logged out of every browser.",
    ),
    "withdraw": (service.invitation_withdraw, "The invitation of {} is withdrawn: its link opens nothing."),
}


@dataclass(frozen=True)
class Link:
    """What an admin hands on, shown once: the text is in this answer and nowhere else."""

    title: str
    address: str
    mailed_to: str


@require_GET
@admin_only
@never_cache
def members(request: HttpRequest) -> HttpResponseBase:
    if wants_csv(request):
        return csv_response(ACCOUNTS, [lines_page(request, ACCOUNTS, _lines(request)).rows])
    return _page(request, InviteForm())


@require_http_methods(["GET", "HEAD", "POST"])
@admin_only
@never_cache
def invite(request: HttpRequest) -> HttpResponse:
    """Makes an account for whoever follows the link that the answer shows."""
    if request.method != "POST":
        return _to_members(request)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    user = service.member_invite(**form.cleaned_data, by=person_of(request))
    return _page(request, InviteForm(), link=_invitation(request, user))


@require_http_methods(["GET", "HEAD", "POST"])
@admin_only
@never_cache
def member_change(request: HttpRequest, number: int) -> HttpResponse:
    """`do`: role (with `role`), deactivate, activate, logout, tokens, factor, password, renew or withdraw."""
    if request.method != "POST":
        return _to_members(request)
    member, by, do = get_object_or_404(User, pk=number), person_of(request), request.POST.get("do", "")
    try:
        if do == "password":
            return _page(request, InviteForm(), link=_new_password(request, member))
        if do == "renew":
            renewed = service.invitation_renew(member=member, by=by)
            return _page(request, InviteForm(), link=_invitation(request, renewed))
        messages.success(request, _change(member, by, do, request.POST.get("role", "")))
    except service.MemberRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("members")


def _to_members(request: HttpRequest) -> HttpResponse:
    """For who sorts or reloads the page that a sent form answered with."""
    return redirect(f"{reverse('members')}?{request.GET.urlencode()}")


def _change(member: User, by: User, do: str, role: str) -> str:
    """What was done, in words. Raises MemberRefused."""
    name = service.member_name(member)
    if do == "role" and role in Role.values:
        service.role_change(member=member, role=Role(role), by=by)
        return f"{name} is {Role(role).label.lower()} from now on."
    if do in CHANGES:
        change, sentence = CHANGES[do]
        change(member=member, by=by)
        return sentence.format(name)
    if do == "tokens":
        count = service.member_tokens_revoke(member=member, by=by)
        return f"{count} token{'s' * (count != 1)} of {name} {'are' if count != 1 else 'is'} revoked."
    raise service.MemberRefused("The form was not understood. Reload the page and try again.")


def _invitation(request: HttpRequest, user: User) -> Link:
    address, by = request.build_absolute_uri(service.invitation_path(user)), person_of(request).username
    text = (
        f"{by} invites you to Boursomatic. Choose a user name and a password:\n\n{address}\n\n"
        f"The link works once, and for a day. If it has ended, ask {by} for another.\n"
    )
    mailed = mail_send(address=user.email, subject="You are invited to Boursomatic", text=text)
    return Link(f"{user.first_name} is invited. Send this link", address, user.email if mailed else "")


def _new_password(request: HttpRequest, member: User) -> Link:
    by = person_of(request)
    address = request.build_absolute_uri(service.password_link_make(member=member, by=by))
    text = (
        f"Choose a new password for your account {member.username} of Boursomatic:\n\n{address}\n\n"
        f"The link works once, and for a day. If it has ended, ask {by.username} for another.\n"
    )
    mailed = mail_send(address=member.email, subject="Your new password of Boursomatic", text=text)
    return Link(f"For {member.username} to choose a new password: send this link", address, member.email * mailed)


def _page(request: HttpRequest, form: InviteForm, *, link: Link | None = None, status: int = 200) -> HttpResponse:
    lines = _lines(request)
    context = {
        "page": lines_page(request, ACCOUNTS, lines),
        "form": form,
        "link": link,
        "roles": Role,
        "without_role": [line.user for line in lines if line.user.is_active and line.role is None],
        "now": timezone.now(),
    }
    return render(request, "accounts/members.html", context, status=status)


def _accounts() -> QuerySet[User]:
    """Active members, then invitations and who has left, each with what tells when they were last seen."""
    acts = AuditEntry.objects.filter(user=OuterRef("pk")).order_by("-id").values("at")[:1]
    tokens = {"token_used": Max("auth_token_set__last_used_at"), "tokens": Count("auth_token_set")}
    factor = Exists(SecondFactor.objects.filter(user=OuterRef("pk")))
    rows = User.objects.annotate(**tokens, acted=Subquery(acts), has_factor=factor)
    return rows.prefetch_related("groups").order_by("-is_active", "username")


def _lines(request: HttpRequest) -> list[MemberLine]:
    return [_line(user, person_of(request)) for user in _accounts()]


def _line(user: Any, own: User) -> MemberLine:
    """Needs what `_accounts` annotates."""
    valid = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    seen = [at for at in (user.last_login, user.token_used, user.acted) if at]
    ends = user.date_joined + valid if service.is_invited(user) else None
    return MemberLine(
        user, held_role(user), max(seen, default=None), ends, user.tokens, user.has_factor, user.pk == own.pk
    )

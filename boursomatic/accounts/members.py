"""Members: invited by a link, given a role, helped to a new password, made inactive when they leave.

Nobody's own role or activity is theirs to change: whoever changes another's is an admin, and stays one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Person, Role, held_role, role_of
from boursomatic.accounts.second_factor import second_factor_reset
from boursomatic.accounts.tokens import tokens_revoke

INVITED = "invited:"  # begins the name of an account that nobody has taken yet; nobody can choose a name with ":"


class MemberRefused(ValueError):
    """A change that this member or this admin is not open to; the text says why."""


class InvitationTokens(PasswordResetTokenGenerator):
    """Tokens of invitations, which open no other page; choosing a password ends them, as Django's own."""

    key_salt = "boursomatic.accounts.members.InvitationTokens"


invitation_tokens = InvitationTokens()


def is_invited(user: User) -> bool:
    """Whether the account waits for whoever is invited."""
    return user.username.startswith(INVITED)


def member_name(user: User) -> str:
    """Of an invitation whom it is for: the user name is still to be chosen."""
    return user.first_name if is_invited(user) else user.username


def admins() -> QuerySet[User]:
    """Who may manage members."""
    held = User.objects.filter(groups__name=Role.ADMIN).values("pk")
    return User.objects.filter(Q(is_superuser=True) | Q(pk__in=held), is_active=True).order_by("username")


def accounts_without_role() -> QuerySet[User]:
    """Accounts that can log in and see nothing, until an admin gives them a role."""
    held = User.objects.filter(groups__name__in=Role.values).values("pk")
    return User.objects.filter(is_active=True, is_superuser=False).exclude(pk__in=held).order_by("username")


def member_invite(*, name: str, email: str, role: Role, by: User) -> User:
    """An inactive account for whoever follows `invitation_path`."""
    with transaction.atomic():
        user = User(username=f"{INVITED}{get_random_string(20)}", first_name=name, email=email, is_active=False)
        user.set_unusable_password()
        user.save()
        _set_role(user, role)
        audit(by, "member.invite", name, role=role.value, email=email)
    return user


def invitation_renew(*, member: User, by: User) -> User:
    """From now on only links made after this work, for another day."""
    with _locked(member, by) as user:
        _check_invited(user)
        user.set_unusable_password()  # has a new random end, which every link is bound to
        user.date_joined = timezone.now()
        user.save(update_fields=["password", "date_joined"])
        audit(by, "member.invite", user.first_name, role=held_role(user), email=user.email, again=True)
    return user


def invitation_withdraw(*, member: User, by: User) -> None:
    """The only account that is ever deleted: nobody has had it."""
    with _locked(member, by) as user:
        _check_invited(user)
        audit(by, "member.withdraw", user.first_name)
        user.delete()


def role_change(*, member: User, role: Role, by: User) -> None:
    with _locked(member, by) as user:
        if user.is_superuser:
            raise MemberRefused("A superuser is always an admin; that is changed on the server.")
        before = held_role(user)
        _set_role(user, role)
        audit(by, "member.role", member_name(user), before=before, after=role.value)


def member_deactivate(*, member: User, by: User) -> None:
    """Logins, sessions and tokens end at once, and don't come back when the member does."""
    with _locked(member, by) as user:
        if is_invited(user):
            raise MemberRefused("This invitation was not taken yet: withdraw it instead.")
        user.is_active = False
        user.save(update_fields=["is_active"])
        access_end(user=user, by=by)
        audit(by, "member.deactivate", user.username)


def member_log_out(*, member: User, by: User) -> None:
    with _locked(member, by) as user:
        sessions_end(user=user, by=by)


def member_tokens_revoke(*, member: User, by: User) -> int:
    """How many tokens the member had."""
    with _locked(member, by) as user:
        return tokens_revoke(user=user, by=by)


def member_second_factor_reset(*, member: User, by: User) -> None:
    """For who has lost device and recovery codes: the password is enough, until the member sets it up anew."""
    with _locked(member, by) as user:
        if not second_factor_reset(user=user, by=by):
            raise MemberRefused(f"{user.username} has no second factor.")
        sessions_end(user=user, by=by)


def member_activate(*, member: User, by: User) -> None:
    """The old name, role and password work again; tokens are to be made anew."""
    with _locked(member, by) as user:
        if is_invited(user):
            raise MemberRefused("Nobody has taken this invitation yet.")
        user.is_active = True
        user.save(update_fields=["is_active"])
        audit(by, "member.activate", user.username)


def password_link_make(*, member: User, by: User) -> str:
    """Path of a page where this member chooses a new password; the old one works until then."""
    if not member.is_active:
        raise MemberRefused("Only an active member can be given a new password.")
    if member == by:
        raise MemberRefused("Your own password is changed on the page Account, which asks for the old one.")
    audit(by, "member.password", member.username)
    return _path("password-reset", member, default_token_generator)


def invitation_path(user: User) -> str:
    return _path("invitation", user, invitation_tokens)


def access_end(*, user: User, by: User) -> None:
    """No session and no token of this member opens anything from now on."""
    tokens_revoke(user=user, by=by)
    sessions_end(user=user, by=by)


def sessions_end(*, user: User, by: Person | None) -> None:
    """Every browser of this member is logged out."""
    audit(by, "session.end_all", user.get_username())
    # A session's owner is inside its signed text. There are few, and this is rare.
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


@contextmanager
def _locked(member: User, by: User) -> Iterator[User]:
    """The member as stored now. Both rows are locked, so that of two admins who demote each other one remains."""
    with transaction.atomic():
        pks = {member.pk, by.pk}
        users = {user.pk: user for user in User.objects.select_for_update().filter(pk__in=pks).order_by("pk")}
        if by.pk not in users or role_of(users[by.pk]) is not Role.ADMIN:
            raise MemberRefused("Only admins manage members, and you are none any more.")
        if member.pk not in users:
            raise MemberRefused("There is no such account any more.")
        if len(pks) == 1:
            raise MemberRefused("Your own role and account are another admin's to change, so that one always remains.")
        yield users[member.pk]


def _check_invited(user: User) -> None:
    if not is_invited(user):
        raise MemberRefused(f"{user.username} has taken the invitation already.")


def _set_role(user: User, role: Role) -> None:
    user.groups.set([Group.objects.get_or_create(name=role.value)[0]])


def _path(route: str, user: User, tokens: PasswordResetTokenGenerator) -> str:
    return reverse(route, args=[urlsafe_base64_encode(force_bytes(user.pk)), tokens.make_token(user)])

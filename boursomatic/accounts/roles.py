"""Roles of members, scopes of tokens, and the one table that says which role may do what."""

from collections.abc import Mapping

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models


class Scope(models.TextChoices):
    """What a token may be used for; each route asks for exactly one."""

    READ = "read", "Read everything"
    PREDICT = "predict", "Ask models for predictions"
    TRAIN = "train", "Train, cancel and delete runs"
    DATA = "data", "Import bars, compute features"
    ACTIVATE = "activate", "Activate models"


class Role(models.TextChoices):
    """What a member is, in rising order. A role is held by being in the group of its name."""

    VIEWER = "viewer", "Viewer"
    TRAINER = "trainer", "Trainer"
    MANAGER = "manager", "Manager"
    ADMIN = "admin", "Admin"


SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ, Scope.PREDICT}),
    Role.TRAINER: frozenset({Scope.READ, Scope.PREDICT, Scope.TRAIN}),
    Role.MANAGER: frozenset(Scope),
    Role.ADMIN: frozenset(Scope),  # and, in the browser only: members, others' tokens, audit, admin site
}
DEFAULT_TOKEN_SCOPES = (Scope.READ, Scope.PREDICT, Scope.TRAIN)

Person = User | AnonymousUser | AbstractBaseUser


def role_of(user: Person) -> Role | None:
    """The highest role that the user holds, None without one; a superuser is an admin."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return held_role(user)


def held_role(user: User) -> Role | None:
    """The role of an account, which an inactive one has back when it is activated."""
    if user.is_superuser:
        return Role.ADMIN
    held = {group.name for group in user.groups.all()}  # not values_list: lists of members prefetch the groups
    return next((role for role in reversed(Role) if role.value in held), None)


def may(user: Person, scope: Scope) -> bool:
    """Whether the user's role allows this."""
    role = role_of(user)
    return role is not None and scope in SCOPES[role]


def may_change_run_of(user: Person, owner_id: int | None) -> bool:
    """Cancel, delete, tag: members with `train` their own runs, managers and admins anyone's."""
    role = role_of(user)
    if role in (Role.MANAGER, Role.ADMIN):
        return True
    return role is not None and Scope.TRAIN in SCOPES[role] and owner_id is not None and user.pk == owner_id

"""Whom a command is about."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def member_named(name: str) -> User:
    """Raises CommandError, which names those there are."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no member {name!r}. Members: {_members()}.")
    return user


def _members() -> str:
    names = list(User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)[:21])
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "") if names else "none yet"

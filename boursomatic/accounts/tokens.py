"""Tokens for programs: made, checked, revoked. Only a hash is stored, so a token is shown once."""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from knox.crypto import hash_token
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from boursomatic.accounts.audit import audit
from boursomatic.accounts.models import ApiToken
from boursomatic.accounts.roles import DEFAULT_TOKEN_SCOPES, Person, Scope

MAX_DAYS = 3650
DEFAULT_DAYS = 90
USE_NOTED_EVERY = timedelta(minutes=5)  # a write for every request would cost more than many requests do


def token_create(
    *, user: User, scopes: Iterable[Scope] = DEFAULT_TOKEN_SCOPES, days: int = DEFAULT_DAYS, name: str = ""
) -> tuple[ApiToken, str]:
    """A new token of this user and its text, which can't be had again."""
    wanted = set(scopes)
    with transaction.atomic():
        token, text = ApiToken.objects.create(
            user=user, expiry=timedelta(days=days), name=name, scopes=[s.value for s in Scope if s in wanted]
        )
        audit(user, "token.create", token.digest[:12], scopes=token.scopes, days=days, name=name)
    return token, text


def token_revoke(*, token: ApiToken, by: Person | None) -> None:
    """From now on the token opens nothing."""
    with transaction.atomic():
        audit(by, "token.revoke", token.digest[:12], owner=token.user.get_username(), name=token.name)
        token.delete()


def tokens_revoke(*, user: User, by: Person | None) -> int:
    """All of this user's; how many there were."""
    tokens = list(user.auth_token_set.all())
    for token in tokens:
        token_revoke(token=token, by=by)
    return len(tokens)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token <text>`: the token's owner, and the token as `request.auth` for its scopes."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"token":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Token <token>.")
        token = self._find(parts[1])
        if token is None or not token.user.is_active:
            raise AuthenticationFailed("This token is not known, was revoked, or has expired. Make a new one.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"

    def _find(self, text: bytes) -> ApiToken | None:
        if not text.isalnum() or len(text) > 200:
            return None
        now = timezone.now()
        digest = hash_token(text.decode("ascii"))
        token: ApiToken | None = ApiToken.objects.select_related("user").filter(digest=digest, expiry__gt=now).first()
        if token and (token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY):
            ApiToken.objects.filter(digest=digest).update(last_used_at=now)  # even of no row it takes SQLite's lock
        return token

"""Makes an API token."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from boursomatic.accounts.management.member import member_named
from boursomatic.accounts.roles import DEFAULT_TOKEN_SCOPES, Scope
from boursomatic.accounts.tokens import DEFAULT_DAYS, MAX_DAYS, token_create
from boursomatic.shared import commands


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= MAX_DAYS):
        raise ArgumentTypeError(f"must be a whole number of days from 1 to {MAX_DAYS}")
    return int(text)


class Command(commands.JsonCommand):
    help = (
        "Make an API token for USER and print it once. It does what its scopes and its owner's role both allow. "
        "Use it as the header: Authorization: Token <token>."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="name of an active member")
        parser.add_argument(
            "--scope",
            nargs="+",
            action="extend",
            choices=Scope.values,
            help=f"what it may be used for, one or more (default: {' '.join(DEFAULT_TOKEN_SCOPES)})",
        )
        parser.add_argument(
            "--days",
            type=_days,
            default=DEFAULT_DAYS,
            help=f"valid for this many days, 1 to {MAX_DAYS} (default: {DEFAULT_DAYS})",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        user = member_named(options["user"])
        if not user.is_active:
            raise CommandError(f"The account {options['user']!r} is inactive. An admin can make it active again.")
        scopes = [Scope(value) for value in options["scope"] or DEFAULT_TOKEN_SCOPES]
        token, text = token_create(user=user, scopes=scopes, days=options["days"], name="create_token")
        expires = f"{token.expiry:%Y-%m-%dT%H:%M:%SZ}"
        return commands.CommandResult(
            {"token": text, "user": user.get_username(), "scopes": token.scopes, "expires_at": expires},
            lines=[
                f"Token of {user.get_username()} for {', '.join(token.scopes)}, until {expires}. It is shown only now:",
                text,
            ],
        )

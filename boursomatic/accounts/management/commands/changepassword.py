"""`manage.py changepassword`: Django's, after which tokens end as they do where a password is changed on a page."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.db import transaction

from boursomatic.accounts.audit import audit
from boursomatic.accounts.tokens import tokens_revoke


class Command(changepassword.Command):
    help = "Change a member's password, asked for at the keyboard. API tokens and sessions of the member end with it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--keep-tokens", action="store_true", help="leave the member's API tokens as they are")

    def handle(self, *args: Any, **options: Any) -> str:
        message = super().handle(*args, **options)  # commits by itself: no lock while somebody types
        user = User.objects.get(username=options["username"] or getpass.getuser())
        with transaction.atomic():
            audit(None, "password.change", user.get_username())
            count = 0 if options["keep_tokens"] else tokens_revoke(user=user, by=None)
        return f"{message}; {count} API token{'s' * (count != 1)} revoked"

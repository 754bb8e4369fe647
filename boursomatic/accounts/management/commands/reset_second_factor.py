"""`manage.py reset_second_factor NAME`: for who has lost device and recovery codes, and for the last admin."""

from argparse import ArgumentParser
from typing import Any

from django.db import transaction

from boursomatic.accounts.management.member import member_named
from boursomatic.accounts.members import sessions_end
from boursomatic.accounts.second_factor import second_factor_reset
from boursomatic.shared import commands


class Command(commands.JsonCommand):
    help = (
        "Reset the second factor of USER, who has lost device and recovery codes: the password is enough from now on, "
        "and every browser is logged out."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="name of a member")

    def work(self, **options: Any) -> commands.CommandResult:
        user = member_named(options["user"])
        with transaction.atomic():
            was_on = second_factor_reset(user=user, by=None)
            if was_on:
                sessions_end(user=user, by=None)
        name = user.get_username()
        return commands.CommandResult(
            {"user": name, "reset": was_on},
            lines=[f"{name} logs in with the password alone, and is logged out of every browser."] if was_on else [],
            refused="" if was_on else f"{name} has no second factor.",
        )

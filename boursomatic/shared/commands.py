"""What every management command shares: `--json`, and refusals in plain words with exit code 1."""

import json
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from boursomatic.shared.outage import unreachable
from boursomatic.shared.stores import StoreFailed


@dataclass
class CommandResult:
    """What a command did: `result` is its JSON, `lines` are for a person, `refused` says why it didn't."""

    result: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    refused: str = ""


class JsonCommand(BaseCommand, ABC):
    """With `--json` standard output is one JSON object and nothing else, also when the command refuses.

    A command overrides `options` and `work`; `work` raises CommandError for what it can't do.
    """

    requires_system_checks: list[str] = []  # bad settings refuse by themselves; URL checks would load every page

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        self.options(parser)

    def options(self, parser: ArgumentParser) -> None:
        """Declare what the command takes."""

    @abstractmethod
    def work(self, **options: Any) -> CommandResult:
        """Do it."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = self.work(**options)
        except DatabaseError as error:
            first = str(error).strip().splitlines()[0]
            refused = f"The database refused: {first}. Is it migrated (python manage.py migrate)?"
            raise CommandError(unreachable(error) or refused) from error
        except StoreFailed as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(outcome.result, allow_nan=False))
        else:
            for line in outcome.lines:
                self.stdout.write(line)
        if outcome.refused:
            raise CommandError(outcome.refused)

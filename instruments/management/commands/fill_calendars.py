"""`manage.py fill_calendars`: the days on which exchanges trade, from the earliest bar to a year ahead."""

import time
from typing import Any

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.calendars.services import calendars_fill


class Command(JsonCommand):
    help = (
        "Give each instrument the calendar it trades by, from its symbol and currency or else from its own bars, and "
        "store the sessions of these calendars from the earliest bar to a year ahead. Checks of data do so too."
    )

    def work(self, **options: Any) -> CommandResult:
        began = time.monotonic()
        filled = calendars_fill()
        result = {
            "calendars": filled.sessions,
            "instruments": filled.instruments,
            "seconds": round(time.monotonic() - began, 3),
        }
        lines = [f"{name}: {count:,} sessions written" for name, count in filled.sessions.items()]
        lines.append(f"{len(filled.instruments):,} instruments were given a calendar, {result['seconds']:.1f} s")
        return CommandResult(result, lines, refused=filled.problem)

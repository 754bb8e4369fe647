#!/usr/bin/env python
"""Django's command line; `python manage.py help` lists what there is."""

import logging
import os
import sys

from django.core.management import execute_from_command_line
from django.db import Error as DbError

from boursomatic.env import BadSetting
from boursomatic.shared.outage import unreachable


def main() -> int | str:
    """Exit code, or why nothing was done."""
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as problem:
        return str(problem)
    except DbError as error:
        if sentence := unreachable(error):
            return sentence
        raise
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "boursomatic.settings")
    outcome = main()
    if outcome and sys.argv[1:2] == ["worker"]:  # whose words are collected
        logging.getLogger("boursomatic.refusal").error("%s", outcome)
        outcome = 1
    sys.exit(outcome)

#!/usr/bin/env python
"""Django's command line; `python manage.py help` lists what there is."""

import os
import sys

from django.core.management import execute_from_command_line

from boursomatic.env import BadSetting

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "boursomatic.settings")
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as problem:
        sys.exit(str(problem))

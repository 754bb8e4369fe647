"""How often a fault is tried: a few times in every test run, as often as docs/reliability.md says with FAULTS=full."""

import os


def times(few: int, full: int) -> int:
    return full if os.environ.get("FAULTS") == "full" else few

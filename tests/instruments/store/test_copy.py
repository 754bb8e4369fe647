"""Only one module knows the format of PostgreSQL's binary COPY."""

from pathlib import Path

import instruments.store.copy
from boursomatic.env import ROOT

APPS = ("boursomatic", "instruments", "predictions", "training")


def test_it_is_the_only_place_that_knows_the_format() -> None:
    words = ("copy_expert", "FORMAT BINARY", "PGCOPY", "946_684_800")
    knowing = {path for app in APPS for path in (ROOT / app).rglob("*.py") if any(w in path.read_text() for w in words)}
    assert knowing == {Path(instruments.store.copy.__file__)}

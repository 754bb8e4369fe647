"""The whole suite, nothing skipped: `python -m tests`. scripts/test calls it.

First what is quick, on both databases side by side; then what starts processes of its own, for which the machine has to
be free. The first failure ends it.
"""

import os
import subprocess
import sys
import tempfile

SQLITE = (sys.executable, "-m", "pytest", "-m")
POSTGRESQL = (sys.executable, "-m", "tests.postgres", *SQLITE)


def main() -> int:
    os.environ["DATABASE_URL"] = ""
    return _quick() or _slow()


def _quick() -> int:
    """The database part on PostgreSQL says nothing until the rest is done."""
    with tempfile.TemporaryFile() as said:
        beside = subprocess.Popen([*POSTGRESQL, "db_both and not processes"], stdout=said, stderr=subprocess.STDOUT)
        try:
            _say("tests on SQLite, and beside them the database part on PostgreSQL:")
            failed = subprocess.call([*SQLITE, "not processes"])
            beside.wait()
        finally:
            beside.terminate()
        said.seek(0)
        _say(f"on PostgreSQL:\n{said.read().decode(errors='replace').rstrip()}")
    return failed or beside.returncode


def _slow() -> int:
    _say("tests with processes, on SQLite:")
    failed = subprocess.call([*SQLITE, "processes"])
    if not failed:
        _say("the database part of them, on PostgreSQL:")
        failed = subprocess.call([*POSTGRESQL, "db_both and processes"])
    return failed


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

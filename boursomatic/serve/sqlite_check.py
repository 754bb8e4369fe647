"""Whether an SQLite file is whole, asked before anything is written to it: a torn page is found when it is read, which
may be weeks later and on any page of the site."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

LONGEST_S = 20.0  # about 5 GB on a common disk


class NotFinished(Exception):
    """The file is too large to be checked in this time."""


def damage(path: Path, longest_s: float = LONGEST_S) -> str:
    """What `PRAGMA quick_check` finds first, "" in a sound file or none. Raises NotFinished.

    In a process of its own: one that hangs on a broken disk can be left.
    """
    if not path.is_file():
        return ""
    command = [sys.executable, "-m", __name__, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=longest_s)
    except subprocess.TimeoutExpired as error:
        raise NotFinished from error
    return (done.stdout.strip() or done.stderr.strip()).splitlines()[-1] if done.returncode else ""


def main(path: str) -> int:
    try:
        with closing(sqlite3.connect(path, timeout=LONGEST_S)) as connection:
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        answer = "" if "locked" in str(error) else str(error)
    if answer not in ("", "ok"):
        print(answer.splitlines()[-1])  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

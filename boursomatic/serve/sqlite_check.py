"""Whether an SQLite file is whole, asked at each start: a torn page is found when it is read, which may be weeks later
and on any page of the site."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from boursomatic.shared.processes import die_with_parent

BUSY_S = 20.0
_DAMAGED = 3  # exit code


class SqliteCheck:
    """`PRAGMA quick_check` of a file, if it is there, under way in a process of its own: how long it takes is the
    disk's doing (about 4 s a GB), and on a broken one it may never end."""

    def __init__(self, path: Path) -> None:
        self.path, parent = path, os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is the launcher's
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509  (one thread here)
        )

    def damage(self, within_s: float) -> str | None:
        """What it has found first, "" in a sound file; None where it is not at its end within so many seconds."""
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None
        assert self.process.stdout is not None
        return self.process.stdout.read().strip() if code == _DAMAGED else ""  # one that was killed has found nothing


def main(path: Path) -> int:
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        answer = "" if "locked" in str(error) else str(error)
    if answer not in ("", "ok"):
        print(answer.splitlines()[-1])  # noqa: T201
        return _DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

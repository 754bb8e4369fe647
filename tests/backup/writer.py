"""`python -m tests.backup.writer FOLDER`: a process that imports bars and starts runs without a pause until it is
stopped; a line for each."""

import os
import sys
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import django


def main(folder: Path) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from training.recipes.check.spec import CheckSpec  # noqa: PLC0415
    from training.runs.services import run_create  # noqa: PLC0415

    for number in count():
        path = folder / f"W{number}.csv"
        rows = [f"{date(2015, 1, 1) + timedelta(days=day)},10,11,9,10,{number + 1}" for day in range(200)]
        path.write_text("\n".join(["date,open,high,low,close,volume", *rows]))
        with Path(os.devnull).open("w") as nowhere:
            call_command("import_bars", str(path), symbol=f"W{number}", timeframe="1d", stdout=nowhere)
        run_create(spec=CheckSpec(), user=None)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    django.setup()
    main(Path(sys.argv[1]))

"""A clean Debian is made once; each root begins as its copy."""

import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from tests.deploy import machine

Pull = Callable[[str, Path], None]
FillIn = Callable[[Path, str], Path]
DOCS = ROOT / "docs/deploy"


@pytest.fixture(scope="session", autouse=True)
def _umask() -> Iterator[None]:
    """A machine's own; the product's, which the tests have, shuts out everybody else."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def folder(_umask: None) -> Iterator[Path]:
    with machine.folder() as made:
        yield made


@pytest.fixture(scope="session")
def pull(folder: Path) -> Pull:
    """Makes the root of an image such as debian:bookworm-slim."""

    def copy(name: str, root: Path) -> None:
        suite = re.fullmatch(r"debian:(\w+)-slim", name)
        assert suite, f"no root for {name}"
        if not (base := folder / suite[1]).exists():
            machine.debian(suite[1], base)
        subprocess.run(["cp", "--archive", base, root], check=True)

    return copy


@pytest.fixture(scope="session")
def fill_in() -> FillIn:
    """boursomatic.env as somebody edits it who has the database at a URL."""

    def write(file: Path, database: str) -> Path:
        text = re.sub("(?m)^DATABASE_URL=.*$", f"DATABASE_URL={database}", (DOCS / "boursomatic.env").read_text())
        file.write_text(text.replace("SECRET_KEY=RANDOM", f"SECRET_KEY={secrets.token_urlsafe(50)}"))
        return file

    return write

"""Builds an image as `docker build` would, with no container engine: the instructions of a Containerfile, one after the
other, in a clean Debian root."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy import registries
from tests.deploy.machine import OF_ROOT, Machine


@dataclass
class Image:
    """A root, and how what starts in it is run."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)


class Build:
    """Each instruction is the method of its name; one that is used for the first time is to be added here."""

    def __init__(self, context: Path, root: Path, pull: Callable[[str, Path], None]) -> None:
        """`pull` makes the root of a named image."""
        self.context = context
        self.image = Image(root)
        self.pull = pull

    def run(self, containerfile: Path) -> Image:
        for word, rest in _instructions(containerfile.read_text()):
            getattr(self, f"do_{word.lower()}")(rest)
        return self.image

    def do_from(self, name: str) -> None:
        self.pull(name, self.image.root)

    def do_run(self, script: str) -> None:
        assert self.image.user == "root"
        here = OF_ROOT | self.image.environment | registries.environment()
        with Machine(self.image.root, environment=here, binds=registries.borrowed(), online=True) as machine:
            machine.run("env", f"--chdir={self.image.folder}", "sh", "-c", script)

    def do_copy(self, arguments: str) -> None:
        source, target = arguments.split()
        assert source == "."
        ignored = _words((self.context / ".dockerignore").read_text())
        entries = [path for path in self.context.iterdir() if path.name not in ignored]
        (inside := self.image.root / target.lstrip("/")).mkdir(parents=True)
        subprocess.run(["cp", "--archive", "--no-preserve=ownership", *entries, inside], check=True)

    def do_workdir(self, folder: str) -> None:
        self.image.folder = folder

    def do_env(self, assignment: str) -> None:
        name, _, value = assignment.partition("=")
        self.image.environment[name] = value

    def do_user(self, name: str) -> None:
        self.image.user = name

    def do_cmd(self, command: str) -> None:
        self.image.command = json.loads(command)

    def do_expose(self, port: str) -> None:
        """Says something to people alone."""


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in _lines(text.replace("\\\n", "")):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def _words(text: str) -> set[str]:
    names = set(_lines(text))
    assert not any(re.search(r"[*?!/]", name) for name in names), "a pattern: COPY has to learn it"
    return names

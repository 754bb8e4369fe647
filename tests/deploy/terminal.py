"""A person at a terminal: types what the docs say, line by line, and answers what is asked."""

import os
import pty
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from select import select

from tests.deploy.machine import Machine

PROMPT = re.compile(r"<(\d+)> $")
SHELL = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
WAIT_S = 600.0  # an end of waiting: packages come from far away


def blocks(file: Path, heading: str) -> list[str]:
    """The ```sh blocks below a heading of a page."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", file.read_text(), re.MULTILINE | re.DOTALL)
    assert section, f"no {heading}"
    return re.findall(r"^```sh\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)


class Terminal:
    """`answers`: what is typed once the key is printed, which may ask or tell."""

    def __init__(
        self, machine: Machine, *, online: bool = False, answers: Mapping[str, str], **environment: str
    ) -> None:
        self.answers = answers
        self._handle, other = pty.openpty()
        self._shell = subprocess.Popen(
            machine.command("setsid", "--ctty", *SHELL, online=online),
            env={**machine.environment, "TERM": "dumb", "PS1": r"<$?> ", **environment},
            stdin=other, stdout=other, stderr=other,
        )  # fmt: skip
        os.close(other)
        self._read()
        self.type("stty -echo")

    def run(self, block: str) -> str:
        """What it printed. A line that fails ends the test."""
        return "".join(map(self.type, block.replace("\\\n", "").splitlines()))

    def type(self, line: str) -> str:
        os.write(self._handle, line.encode() + b"\n")
        printed = self._read()
        ended = PROMPT.search(printed)
        assert ended and ended[1] == "0", f"{line}\n{printed[-5000:]}"
        return printed[: ended.start()]

    def _read(self) -> str:
        """Up to the next prompt of the shell."""
        printed, answered = "", 0
        while not PROMPT.search(printed):
            assert select([self._handle], [], [], WAIT_S)[0], f"nothing more than: {printed[-5000:]}"
            printed += os.read(self._handle, 65536).decode(errors="replace").replace("\r\n", "\n")
            for question, answer in self.answers.items():
                if question in printed[answered:]:
                    os.write(self._handle, answer.encode())
                    answered = len(printed)
        return printed

    def close(self) -> None:
        self._shell.send_signal(signal.SIGHUP)
        os.close(self._handle)
        self._shell.wait()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

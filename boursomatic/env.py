"""The environment, read strictly: a value that is not understood stops the start and names its variable.

Order: process environment, then `.env` at the root. Every variable is listed in docs/settings.md.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BadSetting(Exception):
    """A variable whose value can't be used; the text names it and says what to do."""


def load_dotenv(path: Path) -> dict[str, str]:
    """Lines `NAME=value` of a .env file (comments with #, optional quotes); an unreadable line is refused."""
    values: dict[str, str] = {}
    if not path.is_file():
        return values
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)", text)
        if match is None:
            raise BadSetting(f"{path.name} line {number} is not NAME=value. Mend or remove that line.")
        value = match.group(2).strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[match.group(1)] = value
    return values


class Env:
    """Typed access to variables; each getter raises BadSetting in words a person can act on."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    @classmethod
    def read(cls) -> "Env":
        return cls({**load_dotenv(ROOT / ".env"), **os.environ})

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise BadSetting(f"{name} is {value!r}. Set it to one of: {', '.join(c or 'nothing' for c in choices)}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        return self.choice(name, ("0", "1"), "1" if default else "0") == "1"

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise BadSetting(f"{name} is {value!r}. Set it to a whole number from {low} to {high}.")
        return int(value)

    def some(self, name: str, choices: tuple[str, ...]) -> list[str]:
        """Some of the choices, in their order; all where none is named."""
        chosen = self.names(name, choices)
        if unknown := [value for value in chosen if value not in choices]:
            raise BadSetting(f"{name} names {unknown[0]!r}. Name some of these: {', '.join(choices)}.")
        return [value for value in choices if value in chosen]

    def names(self, name: str, default: tuple[str, ...]) -> list[str]:
        value = self.text(name)
        return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)

"""Docs can't fall behind: every variable and every command stands in them, and nothing that doesn't exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
OURS = {app.name for app in apps.get_app_configs() if Path(app.path).is_relative_to(ROOT / "boursomatic")} | {
    "instruments",
    "training",
    "predictions",
}
COMMANDS = sorted(name for name, app in get_commands().items() if app in OURS)


def _variables() -> set[str]:
    """Read through Env anywhere in the code."""
    code = [
        path for app in ("boursomatic", "instruments", "training", "predictions") for path in (ROOT / app).rglob("*.py")
    ]
    found = re.compile(r"""\.(?:text|choice|flag|whole|some|names)\(\s*["']([A-Z_]{4,})["']""")
    return {name for path in code for name in found.findall(path.read_text())}


def _rows(name: str) -> set[str]:
    """What the tables of a page begin their rows with, in code font."""
    text = (ROOT / "docs" / name).read_text()
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_it_documents_every_setting_and_no_other() -> None:
    variables = _variables()
    assert "DATABASE_URL" in variables
    assert _rows("settings.md") == variables


def test_it_documents_every_command() -> None:
    documented = {row.split()[0] for row in _rows("commands.md")}
    assert {"create_token", "import_bars", "train_poc"} <= set(COMMANDS)
    assert set(COMMANDS) <= documented
    unknown = {name for name in documented if "/" not in name and name not in COMMANDS}
    assert not unknown, "these commands are documented and don't exist"


@pytest.mark.parametrize("name", COMMANDS)
def test_it_gives_every_command_help_and_json(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    own = [action for action in parser._actions if action.dest not in ("help", *command.base_stealth_options)]
    assert command.help
    assert all(action.help for action in own)
    assert name in ("worker", "changepassword") or "--json" in parser.format_help()


def test_it_documents_every_module() -> None:
    """The first lines of a module say what it is for."""
    silent = []
    for name in ("boursomatic", "instruments", "training", "predictions"):
        for path in (ROOT / name).rglob("*.py"):
            plain = (
                path.name in ("__init__.py", "apps.py", "admin.py", "urls.py", "urls_api.py")
                or "migrations" in path.parts
            )
            if not plain and not import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).__doc__:
                silent.append(str(path.relative_to(ROOT)))
    assert not silent

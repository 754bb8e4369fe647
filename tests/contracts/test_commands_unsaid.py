"""Pages speak of buttons: no text that they show names a command or a flag of one."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch

from boursomatic.env import ROOT

ROOMS = ("boursomatic", "instruments", "training", "predictions")
# What commands and the launcher print; what a probe of the operator's is answered; what other programs are answered.
OTHER_READERS = (
    "*/management/*", "boursomatic/serve/*", "boursomatic/shared/commands.py", "boursomatic/env.py",
    "training/web/health.py", "*/api/*", "*/migrations/*",
)  # fmt: skip
STAYS = (
    "Fill them: `python manage.py compute_features",  # said by `train` alone: a run of a page computes what is missing
    "The database has no artifact store yet",  # in logs of workers and by commands: pages say that it waits
    "python manage.py restore",  # of a site that is stopped, and so has no button
)
COMMAND = re.compile(r"manage\.py|(?<![\w-])--[a-z]{2,}|\b(import_bars|load_demo|compute_features|verify_artifacts)\b")


def _strings(tree: ast.Module) -> Iterator[str]:
    """All but docstrings, f-strings in pieces."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_page_names_a_command_or_a_flag() -> None:
    texts = []
    for path in (ROOT / "templates").rglob("*.html"):
        texts.append((path, re.sub(r"\{#.*?#\}", "", path.read_text())))
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if not any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in OTHER_READERS):
                texts += [(path, text) for text in _strings(ast.parse(path.read_text())) if " " in text]
    assert len(texts) > 500
    named = [f"{path.relative_to(ROOT)}: {text[:100]}" for path, text in texts if COMMAND.search(text)]
    assert [one for one in named if not any(stays in one for stays in STAYS)] == []

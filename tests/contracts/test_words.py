"""CONTRIBUTING's words: no name of the left columns in the code, no phrase of them on pages, in messages and docs."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("boursomatic", "instruments", "predictions", "scripts", "training")
WORDS = (ROOT / "CONTRIBUTING.md").read_text().split("\n## Words\n")[-1].split("\n## ")[0]
LONG_LIVED = 5  # lines from a variable's first to its last use: what lives longer must be named well

NAMES_THAT_STAY = {  # (name, where) -> why
    ("Command", "*/management/commands/*.py"): "Django finds a command by this name of its class",
    ("records", "boursomatic/shared/records.py"): "typed JSON records, not the results that one recipe builds",
    ("report", "instruments/*"): "what an import answers, field by field; no picture",
}
PHRASES_THAT_STAY = {
    ("Training Complete!", "templates/training/candle_run/_run.html"): "in the dialog it stays to the letter",
}

NUMBER = r"\d[\d.,]*"
Use = tuple[str, str]  # a name or phrase, and the path it is at
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _rows(first_cell: str) -> list[list[str]]:
    """The cells of the rows of the table that begins with `first_cell`."""
    table = WORDS.split(f"| {first_cell} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def _names() -> set[str]:
    """The nine that say nothing, and those in backticks on the left; of a dotted one the last part."""
    empty = re.search(r"variables named (.*?) say", WORDS, re.DOTALL)
    assert empty
    rows = _rows("now | standard | now | standard")
    left, right = (
        {name.split(".")[-1] for row in rows for cell in row[start::2] for name in re.findall(r"`([\w.]+)`", cell)}
        for start in (0, 1)
    )
    return left - right | set(re.findall(r"`(\w+)`", empty[1]))


def _phrases() -> dict[str, re.Pattern[str]]:
    """Each by its own words: a number stands for any, and what is in brackets at the end (a unit, a remark) is left."""
    cells = [phrase for row in _rows("now | better") for phrase in row[0].split(" · ")]
    patterns = {}
    for phrase in (re.sub(r" \([^()]*\)$", "", cell) for cell in cells):
        pattern = NUMBER.join(re.escape(words).replace(r"\ ", r"\s+") for words in re.split(NUMBER, phrase))
        is_label = " " not in phrase  # within a sentence such a word is one like others
        patterns[phrase] = re.compile(rf"\A\s*{pattern}\s*\Z" if is_label else rf"{pattern}(?!\w)")
    return patterns


@cache
def _code() -> list[tuple[str, ast.Module]]:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths]


def _variables(scope: ast.Module | Function) -> Iterator[str]:
    """Those that are set in this scope and live long in it, functions within a function included."""
    lines, are_set = defaultdict(set), set()
    waiting: list[ast.AST] = [scope]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(scope, ast.Module) and isinstance(node, Function | ast.ClassDef):
                continue
            waiting.append(node)
            if isinstance(node, ast.Name | ast.arg):
                name = node.id if isinstance(node, ast.Name) else node.arg
                lines[name].add(node.lineno)
                if isinstance(node, ast.arg) or isinstance(node.ctx, ast.Store):
                    are_set.add(name)
    return (name for name in are_set if max(lines[name]) - min(lines[name]) > LONG_LIVED)


def _named(path: str, tree: ast.Module) -> Iterator[str]:
    """Names that a reader meets again: the module's, its classes', functions' and long-lived variables'."""
    yield Path(path).stem
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.Module | Function):
            yield from _variables(node)


def _messages(tree: ast.Module) -> Iterator[str]:
    """Strings other than docstrings; where an f-string puts a value there is a number."""
    unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            unsaid |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unsaid:
            yield node.value


def _texts() -> Iterator[tuple[str, str]]:
    """What people read: texts between and in the tags of templates, strings of scripts and of the code, the docs."""
    for path in (ROOT / "templates").rglob("*.html"):
        shown = re.sub(r"\{%.*?%\}", " ", re.sub(r"\{\{.*?\}\}", "0", path.read_text()))
        yield from ((str(path.relative_to(ROOT)), text) for text in re.split(r'[<>"]', shown))
    for path in (ROOT / "static" / "js").rglob("*.js"):
        shown = re.sub(r"\$\{.*?\}", "0", path.read_text())
        yield from ((str(path.relative_to(ROOT)), text) for text in re.split(r'["`]', shown))
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        yield str(path.relative_to(ROOT)), path.read_text()
    for name, tree in _code():
        yield from ((name, text) for text in _messages(tree))


def _wrong(uses: set[Use], stay: dict[Use, str]) -> list[str]:
    """Uses that no exception covers, and exceptions that cover none."""
    covered = {(use, stays) for use in uses for stays in stay if use[0] == stays[0] and fnmatch(use[1], stays[1])}
    uncovered = uses - {use for use, _ in covered}
    unused = set(stay) - {stays for _, stays in covered}
    return sorted(f"{path}: {name}" for name, path in uncovered) + sorted(f"not needed: {stays}" for stays in unused)


def test_the_code_has_no_name_of_the_left_column() -> None:
    names = _names()
    assert {"who", "Part", "Command", "foretold", "kept"} <= names and not {"release", "trials"} & names
    uses = {(name, path) for path, tree in _code() for name in _named(path, tree) if name in names}
    assert _wrong(uses, NAMES_THAT_STAY) == []


def test_pages_messages_and_docs_have_no_phrase_of_the_left_column() -> None:
    phrases = _phrases()
    assert {"Promised / Came (%)", "came as said", "Tries", "No rule"} <= set(phrases)
    uses = {(phrase, path) for path, text in _texts() for phrase, pattern in phrases.items() if pattern.search(text)}
    assert _wrong(uses, PHRASES_THAT_STAY) == []

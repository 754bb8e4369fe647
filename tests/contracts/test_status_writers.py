"""A run's status is written in one module, by conditional UPDATE: nothing else may touch these columns."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path("training/queue/leases.py")
COLUMNS = {"status", "attempt", "lease_token", "lease_beat_at", "cancel_requested_at", "started_at", "finished_at",
           "error_reason"}  # fmt: skip
WRITES = {"update", "bulk_update", "update_or_create"}


def _code() -> Iterator[tuple[Path, ast.AST]]:
    for app in ("boursomatic", "instruments", "training", "predictions"):
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def _is_write(node: ast.AST) -> bool:
    """An UPDATE of one of the columns, an assignment to one, or a whole row saved."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in WRITES and bool(COLUMNS & {word.arg for word in node.keywords})
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(each, ast.Attribute) and each.attr in COLUMNS for each in targets)
    return False


def test_it_writes_a_status_in_one_module_only() -> None:
    writers = {path for path, tree in _code() for node in ast.walk(tree) if _is_write(node)}
    assert writers == {WRITER}


def test_it_saves_no_whole_run() -> None:
    """`run.save()` would write every column, whatever the row has become since it was read."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in _code()
        if path.parts[0] == "training"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "save"
    ]
    assert not found

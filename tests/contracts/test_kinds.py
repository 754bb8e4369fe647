"""A kind of run is known in its own folder and by a line of settings.RECIPES; hardly anywhere else is it named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
APPS = ("boursomatic", "instruments", "predictions", "training")
FEW = 15
SPECS = {"CandleSpec", "UniverseSpec", "WalkSpec", "UniverseJobSpec"}
NAMED_KIND = re.compile(r"(?:^|_)(?:kind|kinds|job|jobs)(?:__in)?$")
IN_TEMPLATES = re.compile(r"""(?:kind|job)\s*(?:==|!=)\s*["']\w+["']|["']\w+["']\s+in\s+\w*kinds?""")


def own_folders() -> set[str]:
    """Of the kinds: their recipes, and the pure functions that only they call."""
    recipes = {str(Path(*name.split(".")[:-2])) for name in settings.RECIPES.values()}
    return recipes | {f"training/quant/{Path(folder).name}" for folder in recipes}


def shared_files(pattern: str, *roots: str) -> Iterator[Path]:
    own = own_folders()
    for root in roots:
        for path in sorted((ROOT / root).rglob(pattern)):
            place = str(path.relative_to(ROOT))
            if "/migrations/" not in place and not any(place.startswith(f"{folder}/") for folder in own):
                yield path


def kinds_in(node: ast.expr | None) -> int:
    """How many kinds are written out in an expression: a string, or a row of nothing else."""
    if isinstance(node, ast.Constant):
        return int(isinstance(node.value, str) and node.value in settings.RECIPES)
    row = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else ()
    row = node.keys if isinstance(node, ast.Dict) else row
    return len(row) if all(map(kinds_in, row)) else 0


def speaks_of_kinds(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return bool(NAMED_KIND.search(name))


def named_in(node: ast.AST) -> int:
    """Kinds that this one node names: by comparison, by keyword, as a member of `Kind`, by a spec's class, or as an
    enumeration of several."""
    rows = ast.Tuple | ast.List | ast.Set | ast.Dict
    match node:
        case ast.Attribute(value=ast.Name(id="Kind")):
            return 1
        case ast.Call(func=ast.Name(id="isinstance")):
            return sum(isinstance(name, ast.Name) and name.id in SPECS for name in ast.walk(node.args[1]))
        case ast.Compare() if any(map(speaks_of_kinds, [node.left, *node.comparators])):
            return sum(map(kinds_in, [node.left, *node.comparators]))
        case ast.keyword(arg=str(name)) if NAMED_KIND.search(name):
            return kinds_in(node.value)
        case ast.Call(func=ast.Name(id=callee)) if "Job" in callee or "Kind" in callee:
            return sum(map(kinds_in, node.args))
    return several if isinstance(node, rows) and (several := kinds_in(node)) > 1 else 0


def test_few_places_outside_their_folders_name_a_kind() -> None:
    places = []
    for path in shared_files("*.py", *APPS):
        if path != ROOT / "boursomatic" / "settings.py":
            counts = ((getattr(node, "lineno", 0), named_in(node)) for node in ast.walk(ast.parse(path.read_text())))
            places += [f"{path.relative_to(ROOT)}:{line}" for line, count in counts for _ in range(count)]
    for path in shared_files("*.html", "templates"):
        places += [f"{path.relative_to(ROOT)}: {named}" for named in IN_TEMPLATES.findall(path.read_text())]
    assert len(places) < FEW, "\n".join(places)
    print(f"{len(places)} places outside the kinds' folders name a kind:", *places, sep="\n  ")  # noqa: T201

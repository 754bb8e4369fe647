"""Our own code as files, for programs that run outside the project."""

import ast
import hashlib
from pathlib import Path

from boursomatic import __version__

ROOT = Path(__file__).parents[2]
ROOMS = ("boursomatic", "instruments", "predictions", "training")


def release() -> str:
    """The release and a hash of all code that serves and works: hosts with the same one fit together."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def program_code(program: Path) -> dict[str, bytes]:
    """Path below the project -> content of the modules that a program imports, and that these import, with the packages
    that they are in; not the program itself."""
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in sorted(_imported(program))}


def _imported(source: Path) -> set[Path]:
    """Files of our own code that this one imports, and that these import, with the packages that they are in."""
    imported: set[Path] = set()
    waiting = [source]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop().read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = ROOT.joinpath(*node.module.split("."))
                files = {module.with_suffix(".py")} | {part / "__init__.py" for part in (module, *module.parents)}
                new = {path for path in files if path.is_file() and path.is_relative_to(ROOT)} - imported
                imported |= new
                waiting += new
    return imported

"""What a result was made with, so that it can be made again."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from boursomatic import __version__

QUANT = ("instruments/quant", "training/quant")
LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "scipy", "joblib")  # those that a model or its files are made with
_ROOT = Path(__file__).resolve().parents[2]


@cache
def code_version() -> str:
    """The release and a hash of the quant code, which alone decides what a model becomes."""
    digest = hashlib.sha256()
    for path in quant_files():
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def quant_files() -> list[Path]:
    """Every file of the quant code, in a fixed order. Subfolders too: two of them may hold a `spec.py`."""
    return sorted(path for folder in QUANT for path in (_ROOT / folder).rglob("*.py"))


@cache
def library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def libraries_changed(then: Mapping[str, str]) -> bool:
    """Whether one of today's libraries had another version `then`; others that an older run names don't matter."""
    return any(then.get(name) != installed for name, installed in library_versions().items())

"""What a result was made with, so that it can be made again."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from boursomatic import __version__

LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "joblib")
_ROOT = Path(__file__).resolve().parent.parent


@cache
def code_version() -> str:
    """The release and a hash of the quant code, which alone decides what a model becomes."""
    digest = hashlib.sha256()
    for folder in ("instruments/quant", "training/quant"):
        for path in sorted((_ROOT / folder).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


@cache
def library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}

"""Qlib in an environment of its own, made by uv under var/bench: the yardstick of `scripts/bench universe --qlib`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.benchmarks.measured import Measured, run_measured
from scripts.benchmarks.site import ROOT

PYTHONS = ("3.11", "3.12", "3.10")  # for which pyqlib has wheels
PACKAGES = ("pyqlib==0.9.7", "pandas<2.3", "numpy<2", "lightgbm==4.6.0", "mlflow<3", "setuptools<81")
WORKFLOW = Path(__file__).with_name("qlib_workflow.py")


class NoQlib(Exception):
    """Its environment can't be made here; the text says why."""


def environment(folder: Path) -> Path:
    """The Python of Qlib's environment in `folder`, made where there is none. Raises NoQlib."""
    python = folder / "bin" / "python"
    if _has_qlib(python):
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise NoQlib("uv is missing.")
    print(f"making an environment with {PACKAGES[0]} in {folder}: about 1 GB", flush=True)
    problem = ""
    for version in PYTHONS:
        shutil.rmtree(folder, ignore_errors=True)
        made = _said([uv, "venv", "--quiet", "--python", version, str(folder)])
        problem = made or _said([uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES])
        if not problem and _has_qlib(python):
            return python
    shutil.rmtree(folder, ignore_errors=True)
    raise NoQlib(problem[-1000:] or "It was installed, but can't be imported.")


def dumped(python: Path, file: Path, folder: Path, log: Path) -> Measured:
    """The file's bars in Qlib's format: a part of its way from files to a model."""
    return run_measured([python, WORKFLOW, "dump", file.resolve(), folder.resolve()], _bare(), log)


def trained(python: Path, folder: Path, log: Path) -> Measured:
    return run_measured([python, WORKFLOW, "run", folder.resolve()], _bare(), log)


def _bare() -> dict[str, str]:
    """As a person would start it: nothing of ours about threads."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "PYTHON"))}


def _has_qlib(python: Path) -> bool:
    return python.exists() and not _said([str(python), "-c", "import qlib.workflow, lightgbm"])


def _said(command: list[str]) -> str:
    """What a command that failed said; empty where it did not fail."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"{command[0]} failed."

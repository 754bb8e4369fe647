"""Schemathesis with all checks against a throw-away site with the demo data: does the API do what its schema says?

Schemathesis has an environment of its own, made by uv under var/bench. It is no test of `scripts/test`: it takes
minutes, and what it asks for depends on what earlier answers named. `schemathesis.toml` says where a 400 is right."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.benchmarks.site import ROOT, demo_site

PACKAGE = "schemathesis==4.32.5"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench schema", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one run each (default 1)")
    parser.add_argument("--examples", type=int, default=50, help="of each operation, at most (default 50)")
    options = parser.parse_args(arguments)
    command = _schemathesis(ROOT / "var" / "bench" / "schemathesis")
    failed = False
    for seed in options.seed:
        with demo_site() as site:
            done = subprocess.run(
                [command, "run", f"{site.url}/api/schema", "--header", f"Authorization: Token {site.token}",
                 "--checks", "all", "--seed", str(seed), "--max-examples", str(options.examples),
                 "--continue-on-failure", "--warnings", "off"],
                cwd=ROOT,
                check=False,
            )  # fmt: skip
        failed |= done.returncode != 0
    return int(failed)


def _schemathesis(folder: Path) -> Path:
    """The command, in an environment that is made where there is none."""
    command = folder / "bin" / "st"
    if command.exists():
        return command
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is missing: scripts/setup.py installs it into .venv.")
    print(f"making an environment with {PACKAGE} in {folder}", flush=True)
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), PACKAGE], check=True)
    return command

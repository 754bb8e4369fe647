"""BOURSOMATIC_HOME as processes make, mend and share it, and what in it stops the start."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from boursomatic.serve.home import SECRET, make_private

SHOW_SECRET = "import boursomatic.settings as site; print(site.SECRET_KEY)"


def settings_process(home: Path, code: str = SHOW_SECRET, **variables: str) -> subprocess.Popen[str]:
    """A process that reads the settings, as every process of the site does."""
    env = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**env, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": "", **variables},
    )  # fmt: skip


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.strip()


def manage(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, text=True, capture_output=True, check=False,
        env={**os.environ, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE":
             "boursomatic.settings", **variables},
    )  # fmt: skip


def readable_by_others(home: Path) -> Iterator[Path]:
    for path in (home, *home.rglob("*")):
        if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield path


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert manage(home, "migrate", SECRET_KEY="").returncode == 0
    assert manage(home, "collectstatic", "--no-input").returncode == 0
    assert {"boursomatic.sqlite3", SECRET, "static"} <= {path.name for path in home.iterdir()}
    assert list(readable_by_others(home)) == []


@pytest.mark.slow
def test_a_migration_goes_back_to_before_the_tables_that_its_end_writes(tmp_path: Path) -> None:
    for words in (("migrate",), ("migrate", "training", "0019"), ("migrate",), ("verify_artifacts",)):
        done = manage(tmp_path, *words)
        assert done.returncode == 0, done.stderr


def test_an_existing_home_is_mended(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name in ("boursomatic.sqlite3", "boursomatic.sqlite3-wal", "boursomatic.sqlite3-shm"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    (tmp_path / SECRET).write_text("x" * 60)
    (tmp_path / SECRET).chmod(0o640)
    assert output(settings_process(tmp_path)) == "x" * 60
    assert list(readable_by_others(tmp_path)) == []


def test_a_secret_that_can_not_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / SECRET).mkdir()
    done = manage(tmp_path, "showmigrations", SECRET_KEY="")
    assert done.returncode == 1 and done.stderr.startswith(f"BOURSOMATIC_HOME is {tmp_path}, "), done.stderr


def test_what_lies_on_a_read_only_mount_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_database_outside_of_the_home_is_mended_too(tmp_path: Path) -> None:
    database = tmp_path / "elsewhere.sqlite3"
    database.touch()
    database.chmod(0o644)
    output(settings_process(tmp_path / "home", DATABASE_URL=f"sqlite:///{database}"))
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


@pytest.mark.parametrize("before", [None, "", "\n"])
def test_processes_that_start_together_share_one_secret(tmp_path: Path, before: str | None) -> None:
    if before is not None:
        (tmp_path / SECRET).write_text(before)
    drawn = {output(process) for process in [settings_process(tmp_path) for _ in range(8)]}
    assert len(drawn) == 1 and len(min(drawn)) >= 50
    assert (tmp_path / SECRET).read_text() == min(drawn)
    assert {path.name for path in tmp_path.iterdir()} == {SECRET, "artifacts", "logs"}


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("", "SECRET_KEY must be set in production"),
        ("k3Y" * 10, "SECRET_KEY has 30 characters"),
        ("abc" * 20, "SECRET_KEY has 3 different characters"),
    ],
)
def test_production_refuses_a_weak_secret(tmp_path: Path, secret: str, words: str) -> None:
    refused = manage(tmp_path, "check", BOURSOMATIC_ENV="production", SECRET_KEY=secret)
    assert refused.returncode == 1 and refused.stderr.startswith(words)
    assert len(refused.stderr.splitlines()) == 1 and "32 or more" in refused.stderr


def test_a_home_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = manage(tmp_path / "file" / "home", "check")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"BOURSOMATIC_HOME is {tmp_path}/file/home, where nothing can be written")

"""`scripts/serve` on a home that is taken, damaged, full or not to be written: one sentence, and code 1."""

import json
import os
import resource
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from boursomatic.env import ROOT
from tests.faults.crew import WAIT_S, group, until
from tests.faults.site import Site

pytestmark = pytest.mark.processes
PASSWORD = "quartz-otter-41"
ROOM = 20_000  # bytes of each file that the kernel grants, as a full disk would


def refusal(home: Path, **options: object) -> str:
    """What a launcher says that doesn't start."""
    site = Site(home, **options)  # type: ignore[arg-type]  (variables of the environment, mostly)
    try:
        assert site.process.wait(WAIT_S) == 1, site.said()
    finally:
        site.destroy()
    assert "Traceback" not in site.said()
    return site.said()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tables."""
    home = tmp_path_factory.mktemp("prepared")
    environment = {**os.environ, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": "",
                   "DJANGO_SETTINGS_MODULE": "boursomatic.settings"}  # fmt: skip
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    return home


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, BOURSOMATIC_WORKERS="0", BOURSOMATIC_ADMIN_PASSWORD=PASSWORD)
    yield site
    site.destroy()


def test_a_second_one_says_who_is_there_and_leaves(site: Site, tmp_path: Path) -> None:
    site.wait_ready()
    second = refusal(tmp_path, BOURSOMATIC_WORKERS="0")
    assert f"where another scripts/serve runs (process {site.process.pid})" in second
    assert len(second.splitlines()) == 1
    assert site.get("/healthz")[0] == 200
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=ROOT, start_new_session=True,
        env={**os.environ, "BOURSOMATIC_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
             "DATABASE_URL": ""},
    )  # fmt: skip
    try:
        until(lambda: site.get("/readyz")[0] == 200, what="a worker beside it")
    finally:
        worker.terminate()
        worker.wait(WAIT_S)
    os.kill(site.process.pid, signal.SIGKILL)  # the lock goes with it
    site.process.wait()
    third = Site(tmp_path, BOURSOMATIC_WORKERS="0")
    try:
        third.wait_ready()
    finally:
        third.destroy()


def tear(prepared: Path, database: Path, table: str) -> bytes:
    """A copy whose first page of this table is not what was written; its content."""
    torn = (prepared / "boursomatic.sqlite3").read_bytes()
    with closing(sqlite3.connect(prepared / "boursomatic.sqlite3")) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    torn = torn[: (root - 1) * size] + os.urandom(size) + torn[root * size :]
    database.write_bytes(torn)
    return torn


def test_a_torn_page_is_found_before_anything_is_written(prepared: Path, tmp_path: Path) -> None:
    database = tmp_path / "boursomatic.sqlite3"
    torn = tear(prepared, database, "auth_user")
    said = refusal(tmp_path)
    assert f"The database {database} is damaged" in said and "docs/reliability.md" in said
    assert len(said.splitlines()) == 1
    assert database.read_bytes() == torn


def test_one_that_is_found_too_late_to_wait_for_stops_the_site(prepared: Path, tmp_path: Path) -> None:
    """In a table that no start reads; the launcher is the real one, but for how long it waits."""
    database = tmp_path / "boursomatic.sqlite3"
    tear(prepared, database, "training_sweepcell")
    at_once = "import sys; from boursomatic.serve import launcher; launcher.CHECK_S = 0.0; sys.exit(launcher.main())"
    said = refusal(tmp_path, launcher=("-c", at_once), BOURSOMATIC_WORKERS="0", BOURSOMATIC_DEMO="0")
    assert "its check goes on while the site starts" in said
    assert f"The database {database} is damaged" in said and "The site is stopped." in said


def test_a_check_that_hangs_keeps_no_site_from_serving(prepared: Path, tmp_path: Path) -> None:
    shutil.copy(prepared / "boursomatic.sqlite3", tmp_path)
    hangs = "from boursomatic.serve import launcher; import os, signal, sys\n"
    hangs += "class Hanging(launcher.SqliteCheck):\n"
    hangs += "    def damage(self, s): os.kill(self.process.pid, signal.SIGSTOP); return super().damage(s)\n"
    hangs += "launcher.SqliteCheck, launcher.CHECK_S = Hanging, 0.1; sys.exit(launcher.main())"
    site = Site(tmp_path, launcher=("-c", hangs), BOURSOMATIC_WORKERS="0", BOURSOMATIC_DEMO="0")
    try:
        site.wait_ready()
        assert "its check goes on" in site.said() and site.get("/healthz")[0] == 200
        check = next(pid for pid in site.groups() if "sqlite_check" in Path(f"/proc/{pid}/cmdline").read_text())
        site.process.terminate()
        assert site.process.wait(WAIT_S) == 0
        until(lambda: not group(check), what="the check gone with the site")
    finally:
        site.destroy()


def test_what_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "boursomatic.sqlite3").write_bytes(b"PK" * 5000)
    assert "is damaged (file is not a database)" in refusal(tmp_path)


def test_production_refuses_a_first_password_against_the_rules(tmp_path: Path) -> None:
    said = refusal(
        tmp_path, BOURSOMATIC_ENV="production", SECRET_KEY=secrets.token_urlsafe(50), ALLOWED_HOSTS="quant.example",
        DATABASE_URL="postgres://a@127.0.0.1:1/x", BOURSOMATIC_ADMIN_PASSWORD="password",
    )  # fmt: skip
    sentence = json.loads(said)["event"]  # the only line
    assert sentence.startswith("BOURSOMATIC_ADMIN_PASSWORD: This password is too short.")
    assert "or remove it" in sentence
    local = Site(tmp_path, BOURSOMATIC_WORKERS="0", BOURSOMATIC_ADMIN_PASSWORD="password", SECRET_KEY="short")
    try:
        local.wait_ready()
        assert "Warning: BOURSOMATIC_ADMIN_PASSWORD: This password is too short." in local.said()
        assert "Warning: SECRET_KEY has 5 characters" in local.said()
    finally:
        local.destroy()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)))
    assert said.splitlines()[-1].startswith(f"BOURSOMATIC_HOME is {tmp_path}, where nothing can be written")


def test_a_disk_that_fills_up_is_said_to_who_wants_to_store_something(site: Site) -> None:
    site.wait_ready()
    person, address = requests.Session(), f"http://127.0.0.1:{site.port}"

    def send(path: str, **form: str) -> requests.Response:
        form |= {"csrfmiddlewaretoken": person.cookies.get("csrftoken", "")}
        return person.post(f"{address}{path}", form, allow_redirects=False, timeout=WAIT_S)

    person.get(f"{address}/login/", timeout=WAIT_S)
    assert send("/login/", username="admin", password=PASSWORD).status_code == 302
    processes = [pid for pgid in site.groups() for pid in group(pgid)]
    for pid in processes:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    page = send("/logout/")
    assert page.status_code == 503 and "the disk is full or read-only" in page.text
    assert person.get(f"{address}/runs/", timeout=WAIT_S).status_code == 200
    source = {"name": "files", "kind": "file_url", "options": {"url": "https://example.org/{symbol}.csv"}}
    token = {"X-CSRFToken": person.cookies["csrftoken"]}
    answer = person.post(f"{address}/api/data/sources", json=source, headers=token, timeout=WAIT_S)
    assert answer.status_code == 503 and list(answer.json()) == ["detail"]
    for pid in processes:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert send("/logout/").status_code == 302

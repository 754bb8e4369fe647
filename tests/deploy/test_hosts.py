"""docs/deploy/README.md as it stands: its blocks are typed into a clean Debian, one after the other."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boursomatic import __version__
from boursomatic.env import ROOT
from tests.deploy import registries, systemctl
from tests.deploy.client import CREATE_TOKEN, MEMBER, PASSWORD, SITE, Client, token_in
from tests.deploy.conftest import DOCS, FillIn, Pull
from tests.deploy.machine import OF_ROOT, Machine
from tests.deploy.terminal import Terminal, blocks
from tests.faults.crew import until

pytestmark = [pytest.mark.processes, pytest.mark.root]
PAGE = DOCS / "README.md"
# What a person types where something asks, or chooses for the variables of the page.
ANSWERS = {
    "Username (leave blank to use 'boursomatic'): ": f"{MEMBER}\n",
    "Email address: ": f"{MEMBER}@{SITE}\n",
    "Password: ": f"{PASSWORD}\n",
    "Password (again): ": f"{PASSWORD}\n",
    "Ready: ": "\x03",  # Ctrl-C ends scripts/serve
}
DATABASE = "postgres://boursomatic@%2Frun%2Fpostgresql/boursomatic"
NEXT = "9.9.9"
DEPLOYED = "from training.queue import release; print(release.deployed())"
CERTIFICATE = f"etc/letsencrypt/live/{SITE}"
# A package that is installed starts its service, as on any Debian: here in the machine's own network.
POLICY = """#!/bin/sh
case $2 in *start*) nsenter --net=/proc/1/ns/net "/etc/init.d/$1" start >/dev/null ;; esac
exit 101
"""


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture(scope="module")
def repository(folder: Path) -> Path:
    """Of what is here now, whether committed or not."""
    made = folder / "repository"
    made.mkdir()
    ignored = {".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines())}
    entries = [path for path in ROOT.iterdir() if path.name not in ignored]
    subprocess.run(["cp", "--archive", "--no-preserve=ownership", *entries, made], check=True)
    git(made, "init", "--quiet")
    commit(made, "v1")
    return made


def git(repository: Path, *arguments: str) -> None:
    person = ["-c", "user.name=carol", "-c", f"user.email=carol@{SITE}"]
    subprocess.run(["git", *person, *arguments], cwd=repository, check=True, capture_output=True)


def commit(repository: Path, tag: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", tag)
    git(repository, "tag", tag)


@pytest.fixture(scope="module")
def host(folder: Path, pull: Pull, repository: Path, fill_in: FillIn) -> Iterator[Machine]:
    """A clean Debian with a certificate, and stand-ins for what it lacks: systemd, and a person's editor."""
    root = folder / "host"
    pull("debian:bookworm-slim", root)
    put(root / "usr/sbin/policy-rc.d", POLICY)
    put(root / "usr/local/bin/systemctl", Path(systemctl.__file__).read_text())
    fill_in(root / "root/filled.env", DATABASE)
    put(root / "usr/local/bin/fill-in", '#!/bin/sh\ncat /root/filled.env > "$1"\n')
    put(root / "usr/local/bin/rename-database", "#!/bin/sh\nsed -i 's/^DATABASE_URL=.*/&_restored/' \"$1\"\n")
    (inside := root / CERTIFICATE).mkdir(parents=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={SITE}",
         "-addext", f"subjectAltName=DNS:{SITE}",
         "-keyout", inside / "privkey.pem", "-out", inside / "fullchain.pem"], check=True, capture_output=True,
    )  # fmt: skip
    binds = {**registries.borrowed(), repository: "/srv/repository"}
    with Machine(root, environment=OF_ROOT | registries.environment(), binds=binds) as machine:
        yield machine


def new_release(repository: Path) -> None:
    """Another version, and a migration that the one before doesn't know."""
    (repository / "boursomatic/__init__.py").write_text(f'__version__ = "{NEXT}"\n')
    migrations = repository / "training/migrations"
    last = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_next.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f'    dependencies = [("training", "{last}")]\n'
    )
    commit(repository, "v2")


def typed(host: Machine, *blocks_of_page: str, online: bool = False, **variables: str) -> str:
    with Terminal(host, online=online, answers=ANSWERS, **{"EDITOR": "fill-in", **variables}) as terminal:
        return "".join(map(terminal.run, blocks_of_page))


@pytest.fixture(scope="module")
def site(host: Machine) -> Client:
    """Asked through nginx by a member, after the first start."""
    typed(host, *blocks(PAGE, "First start"), online=True, REPOSITORY="/srv/repository", SITE=SITE)
    host.run("boursomatic", "load_demo")
    token = token_in(host.run("boursomatic", *CREATE_TOKEN))
    return Client(host, authority=host.root / CERTIFICATE / "fullchain.pem", token=token)


def test_it_starts(site: Client) -> None:
    site.wait_ready()
    site.train()
    assert site.ask("/")[0] == 302


def test_nginx_is_what_the_site_is_reached_by(site: Client, host: Machine) -> None:
    plain = Client(host, port=80)
    assert plain.ask("/healthz")[0] == 301
    until(lambda: site.ask("/login/")[0] == 429, what="too many guesses", poll_s=0)
    assert site.ask("/healthz")[0] == 200


def test_systemd_understands_the_units(site: Client, host: Machine) -> None:
    host.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "systemd", online=True)
    units = [f"{systemctl.UNITS}/boursomatic-{name}.service" for name in ("web", "worker")]
    assert host.run("systemd-analyze", "verify", "--man=no", *units) == ""


def test_it_is_backed_up_and_restored(site: Client, host: Machine) -> None:
    run = site.train()
    backup, restore, _ = blocks(PAGE, "Back up and restore")
    typed(host, backup)
    typed(host, restore, EDITOR="rename-database")
    site.wait_ready()
    assert site.ask(f"/api/poc-predictions/{run}/columns")[0] == 200
    site.train()


def test_it_is_updated_and_set_back(site: Client, host: Machine, repository: Path) -> None:
    new_release(repository)
    for tag, version in (("v2", NEXT), ("v1", __version__)):
        typed(host, *blocks(PAGE, "Update"), RELEASE=tag)
        deployed = host.run("boursomatic", "shell", "-v0", "-c", DEPLOYED)
        assert deployed.startswith(f"{version}+")
        site.wait_ready()
        site.train()


def test_a_site_on_sqlite_is_restored(site: Client, host: Machine) -> None:
    host.run("systemctl", "stop", "boursomatic-web", "boursomatic-worker")
    manage = "cd /opt/boursomatic && .venv/bin/python manage.py"
    restore = blocks(PAGE, "Back up and restore")[2]
    printed = typed(host, f"{manage} migrate\n{manage} backup var/backups\n", restore)
    assert "Ready: " in printed

"""docs/deploy/README.md as it stands: its blocks are typed into a clean Debian, one after the other."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from boursomatic import __version__
from boursomatic.env import ROOT
from tests.deploy import registries, systemctl
from tests.deploy.client import CREATE_TOKEN, MEMBER, PASSWORD, SITE, Client, token_in
from tests.deploy.compose import variables
from tests.deploy.conftest import DOCS, FillIn, Pull
from tests.deploy.machine import OF_ROOT, Machine
from tests.deploy.storage import bucket_for
from tests.deploy.terminal import Terminal, blocks
from tests.faults.crew import until
from tests.s3 import KEY, Bucket

pytestmark = [pytest.mark.processes, pytest.mark.root]
PAGE = DOCS / "README.md"
# What a person types where something asks, or chooses for the variables of the page.
ANSWERS = {
    "Username (leave blank to use 'boursomatic'): ": f"{MEMBER}\n",
    "Email address: ": f"{MEMBER}@{SITE}\n",
    "Password: ": f"{PASSWORD}\n",
    "Password (again): ": f"{PASSWORD}\n",
    'Enter new password for user "boursomatic": ': f"{PASSWORD}\n",
    "Enter it again: ": f"{PASSWORD}\n",
    "Ready: ": "\x03",  # Ctrl-C ends scripts/serve
}
DATABASE = "postgres://boursomatic@%2Frun%2Fpostgresql/boursomatic"
NEXT = "9.9.9"
DEPLOYED = "from training.queue import release; print(release.deployed())"
ONE = "10.0.0.1"  # the first host's address, in the network that the second one shares
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


@pytest.fixture(scope="module")
def second(folder: Path, pull: Pull, repository: Path, site: Client, host: Machine) -> Iterator[Machine]:
    """Another clean Debian, in the network of the first: it knows the site's name and trusts its certificate."""
    root = folder / "second"
    pull("debian:bookworm-slim", root)
    put(root / "usr/local/bin/systemctl", Path(systemctl.__file__).read_text())
    for packages in ("var/lib/apt/lists", "var/cache/apt/archives"):  # what the first has downloaded
        subprocess.run(["cp", "--archive", host.root / packages / ".", root / packages], check=True)
    put(root / "root/site.pem", (host.root / CERTIFICATE / "fullchain.pem").read_text())
    put(root / "etc/hosts", f"127.0.0.1 localhost {SITE}\n")
    binds = {**registries.borrowed(), repository: "/srv/repository"}
    with Machine(root, environment=OF_ROOT | registries.environment(), binds=binds, beside=host) as machine:
        yield machine


@pytest.fixture(scope="module")
def bucket(host: Machine) -> Iterator[Bucket]:
    with bucket_for(host) as made:
        yield made


@pytest.fixture(scope="module")
def release(site: Client, repository: Path) -> str:
    """Another version, and a migration that the one before doesn't know. Its tag."""
    (repository / "boursomatic/__init__.py").write_text(f'__version__ = "{NEXT}"\n')
    migrations = repository / "training/migrations"
    last = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_next.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f'    dependencies = [("training", "{last}")]\n'
    )
    commit(repository, "v2")
    return "v2"


def editor(host: Machine, **values: str) -> str:
    """Of somebody who gives these variables these values: its name, for EDITOR."""
    lines = [f"sed -i '/^{name}=/d' \"$1\"; echo '{name}={value}' >> \"$1\"" for name, value in values.items()]
    put(host.root / "usr/local/bin/set-values", "\n".join(["#!/bin/sh", *lines, ""]))
    return "set-values"


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


def test_it_is_updated_and_set_back(site: Client, host: Machine, release: str) -> None:
    for tag, version in ((release, NEXT), ("v1", __version__)):
        typed(host, *blocks(PAGE, "Update"), RELEASE=tag)
        deployed = host.run("boursomatic", "shell", "-v0", "-c", DEPLOYED)
        assert deployed.startswith(f"{version}+")
        site.wait_ready()
        site.train()


@dataclass
class Pair:
    """The site on two hosts."""

    one: Machine
    two: Machine
    site: Client
    bucket: Bucket

    def alive(self) -> dict[str, int]:
        """Processes of workers by host, of those that take runs."""
        hosts = self.site.ask("/api/training/hosts")[1]
        return {host["name"]: host["processes"] for host in hosts if not host["drained"] and host["processes"]}

    def train_at(self, name: str) -> str:
        """A run that this host carries out, for it is the only one that may."""
        for host in ("one", "two"):
            verb = "resume" if host == name else "drain"
            assert self.site.ask(f"/api/training/hosts/{host}/{verb}", {})[0] == 200
        run = self.site.train()
        where = f"from training.models import *; print(TrainingRun.objects.get(run_id={run!r}).worker_host)"
        assert self.one.run("boursomatic", "shell", "-v0", "-c", where).strip() == name
        return run

    def serves(self, run: str) -> bool:
        return bool(self.site.ask(f"/api/poc-predictions/{run}/columns")[0] == 200)


@pytest.fixture(scope="module")
def pair(site: Client, host: Machine, second: Machine, bucket: Bucket) -> Pair:
    host.take_address(ONE)
    database, packages, move, second_host, train, *_ = blocks(PAGE, "Two hosts with S3")
    typed(host, database, TWO=ONE)
    typed(host, packages, online=True, EDITOR=editor(host, **KEY))
    values = {"BOURSOMATIC_ARTIFACTS": bucket.address, "BOURSOMATIC_HOST_NAME": "one"}
    typed(host, move, S3=bucket.address, EDITOR=editor(host, **values))
    its = variables(host.root / "etc/boursomatic.env")
    its |= {"BOURSOMATIC_HOST_NAME": "two", "BOURSOMATIC_QUEUES": "click,about,chunk"}
    its["DATABASE_URL"] = its["DATABASE_URL"].replace(
        "boursomatic@%2Frun%2Fpostgresql", f"boursomatic:{PASSWORD}@{ONE}:5432"
    )
    answers = {"REPOSITORY": "/srv/repository", "RELEASE": "v1", "EDITOR": editor(second, **its)}
    typed(second, second_host, online=True, **answers)
    typed(second, train)
    made = Pair(host, second, site, bucket)
    until(lambda: set(made.alive()) == {"one", "two"}, what="both hosts")
    return made


def test_a_second_host_shares_the_files_on_s3_and_can_be_lost(pair: Pair) -> None:
    assert pair.serves(pair.train_at("one"))
    run = pair.train_at("two")
    pair.two.run("systemctl", "stop", "boursomatic-worker")
    shutil.rmtree(pair.two.root / "var/lib/boursomatic")
    assert pair.serves(run)
    pair.two.run("install", "-d", "-o", "boursomatic", "-m", "700", "/var/lib/boursomatic")
    pair.two.run("systemctl", "start", "boursomatic-worker")
    pair.train_at("two")


def test_two_hosts_are_backed_up_and_restored(pair: Pair) -> None:
    run = pair.train_at("one")
    typed(pair.one, blocks(PAGE, "Back up and restore")[0])
    for host, unit in ((pair.one, "web"), (pair.one, "worker"), (pair.two, "worker")):
        host.run("systemctl", "stop", f"boursomatic-{unit}")
    prefix = pair.bucket.address.replace("models?", "again?")
    database = f"{DATABASE}_again"
    values = {"DATABASE_URL": database, "BOURSOMATIC_ARTIFACTS": prefix}
    typed(pair.one, blocks(PAGE, "Two hosts with S3")[7], EDITOR=editor(pair.one, **values))
    its = f"postgres://boursomatic:{PASSWORD}@{ONE}:5432/boursomatic_again"
    pair.two.run(editor(pair.two, DATABASE_URL=its, BOURSOMATIC_ARTIFACTS=prefix), "/etc/boursomatic.env")
    for host, unit in ((pair.one, "web"), (pair.one, "worker"), (pair.two, "worker")):
        host.run("systemctl", "start", f"boursomatic-{unit}")
    pair.site.wait_ready()
    assert pair.serves(run)
    pair.train_at("two")


def test_two_hosts_are_updated_one_after_the_other(pair: Pair, release: str) -> None:
    drain, update = blocks(PAGE, "Two hosts with S3")[5:7]
    asked = {"TOKEN": pair.site.token, "SITE": SITE, "CURL_CA_BUNDLE": "/root/site.pem"}
    pair.site.ask("/api/training/hosts/one/resume", {})
    typed(pair.two, drain, **asked)
    typed(pair.one, *blocks(PAGE, "Update"), RELEASE=release)
    pair.site.wait_ready()
    pair.site.train()
    typed(pair.two, update, RELEASE=release, **asked)
    until(lambda: set(pair.alive()) == {"one", "two"}, what="both hosts")
    pair.train_at("two")


def test_a_site_on_sqlite_is_restored(site: Client, host: Machine) -> None:
    host.run("systemctl", "stop", "boursomatic-web", "boursomatic-worker")
    manage = "cd /opt/boursomatic && .venv/bin/python manage.py"
    restore = blocks(PAGE, "Back up and restore")[2]
    printed = typed(host, f"{manage} migrate\n{manage} backup var/backups\n", restore)
    assert "Ready: " in printed

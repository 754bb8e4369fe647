"""Containerfile and compose.yaml as they stand: the image is built and its services run, in namespaces in the place
of a container engine's."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from boursomatic.env import ROOT
from tests.deploy import compose
from tests.deploy.client import CREATE_TOKEN, MEMBER, PASSWORD, SITE, Client, token_in
from tests.deploy.conftest import DOCS, FillIn, Pull
from tests.deploy.containerfile import Build, Image
from tests.deploy.machine import Machine
from tests.deploy.storage import bucket_for
from tests.faults.crew import until
from tests.postgres import Server
from tests.s3 import KEY

pytestmark = [pytest.mark.processes, pytest.mark.root]
COMPOSE = DOCS / "compose.yaml"
SERVICES = compose.services(COMPOSE)
LOOK_S = 0.5


@pytest.fixture(scope="module")
def image(folder: Path, pull: Pull) -> Image:
    return Build(ROOT, folder / "image", pull).run(ROOT / "Containerfile")


@pytest.fixture(scope="module")
def network(image: Image) -> Iterator[Machine]:
    """With a PostgreSQL in it, as `postgres:15` makes one: the database has the account's name."""
    database = Server(listen="127.0.0.1")
    with Machine(image.root) as made:
        try:
            with made.network():
                database.start()
            with closing(psycopg2.connect(database.url())) as connection:
                connection.autocommit = True
                connection.cursor().execute(f"CREATE DATABASE {SERVICES['database']['environment']['POSTGRES_USER']}")
            yield made
        finally:
            database.remove()


@pytest.fixture(scope="module")
def project(image: Image, network: Machine, folder: Path, fill_in: FillIn) -> compose.Project:
    (volumes := folder / "compose").mkdir()
    url = re.search(r"DATABASE_URL=([^)]+)", COMPOSE.read_text())
    assert url
    return compose.Project(image, volumes, fill_in(volumes / "boursomatic.env", url[1]), SERVICES, network)


@pytest.fixture(scope="module")
def web(project: compose.Project) -> Iterator[Machine]:
    """The site after its first start."""
    with project.start("migrate") as migrate:
        assert migrate.wait() == 0, migrate.printed()
    with project.start("web") as made:
        yield made


@pytest.fixture(scope="module")
def client(project: compose.Project, web: Machine) -> Client:
    """Of a member, with prices to train on."""

    def manage(*command: str, **environment: str) -> str:
        return project.execute(web, "python", "manage.py", *command, **environment)

    manage("load_demo")
    account = ["--no-input", "--username", MEMBER, "--email", f"{MEMBER}@{SITE}"]
    manage("createsuperuser", *account, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    return Client(web, token=token_in(manage(*CREATE_TOKEN)))


def test_it_writes_to_its_volume_alone(project: compose.Project, web: Machine) -> None:
    written = project.execute(web, "sh", "-c", "touch /opt/boursomatic/x /var/x /x; touch /tmp/x ~/x && echo could")
    assert written.count("Read-only file system") == 3 and written.endswith("could\n")


def test_it_takes_files_to_s3(project: compose.Project, web: Machine, network: Machine) -> None:
    with bucket_for(network) as bucket:
        project.execute(web, "python", "manage.py", "move_artifacts", "--to", bucket.address, **KEY)
        with network.network():
            assert bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="models/.marker")["KeyCount"] == 1


def test_it_carries_a_run_out_and_stops_when_told(project: compose.Project, web: Machine, client: Client) -> None:
    until(lambda: project.is_healthy("web", web), what="a healthy web server", poll_s=LOOK_S)
    with project.start("worker") as worker:
        client.wait_ready()
        client.train()
        assert worker.stop() == 0, worker.printed()
        assert web.stop() == 0, web.printed()
        lines = [json.loads(line) for line in worker.printed().splitlines()]
        assert {line["level"] for line in lines} == {"info"}, worker.printed()
        assert "Traceback" not in web.printed()

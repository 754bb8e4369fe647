"""docs/deploy, "A cluster", as it stands: its lines make a cluster on loopback, and its settings a site that uses it.
Only the packages are there already."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from boursomatic.env import ROOT
from tests.dask_cluster import free_port
from tests.deploy.terminal import blocks
from tests.faults.crew import until
from tests.training.worker.executors.test_cluster import small_chunk, there
from training.worker.executors import cluster

pytestmark = [pytest.mark.processes, pytest.mark.slow]
PAGE = ROOT / "docs" / "deploy" / "README.md"


@pytest.fixture
def port() -> str:
    return str(free_port())


def typed(block: str, folder: Path, port: str) -> subprocess.Popen[bytes]:
    here = block.replace("/opt/boursomatic", str(ROOT)).replace("8786", port)
    here = here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    return subprocess.Popen(
        ["sh", "-e", "-c", here], cwd=folder, env={**os.environ, "SCHEDULER": "127.0.0.1", "TLS": str(folder)},
        start_new_session=True,
    )  # fmt: skip


@contextlib.contextmanager
def running(block: str, folder: Path, port: str) -> Iterator[None]:
    process = typed(block, folder, port)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_its_lines_make_a_cluster(tmp_path: Path, port: str, settings: Any) -> None:
    packages, certificates, scheduler, workers = blocks(PAGE, "A cluster")
    assert packages.splitlines()[-1].endswith("-r requirements.txt -r requirements-dask.txt")
    assert f"distributed=={version('distributed')} " in (ROOT / "requirements-dask.txt").read_text()
    assert typed(certificates, tmp_path, port).wait() == 0
    for name, value in set_in(PAGE).items():
        here = value.replace("SCHEDULER:8786", f"127.0.0.1:{port}").replace("TLS/", f"{tmp_path}/")
        setattr(settings, name.removeprefix("BOURSOMATIC_"), here)
    chunk = small_chunk()
    with running(scheduler, tmp_path, port):
        until(lambda: cluster.problem() == "", what="a scheduler")
        with running(workers, tmp_path, port):
            assert there(chunk) == list(chunk.work_out())
            with contextlib.closing(cluster.connect()) as client:
                until(lambda: list(client.nthreads().values()) == [1, 1], what="two workers of one thread")


def set_in(page: Path) -> dict[str, str]:
    section = page.read_text().split("\n## A cluster\n")[1].split("\n## ")[0]
    found = re.search(r"^```ini\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    return dict(line.split("=", 1) for line in found[1].splitlines())

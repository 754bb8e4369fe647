"""An S3 service for tests: moto, a process of its own on loopback, and a proxy before it that cuts, delays, refuses."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from boursomatic.env import ROOT
from boursomatic.shared.processes import die_with_parent
from boursomatic.shared.stores import storage_settings
from tests.faults.crew import until
from training.artifacts import marker

KEY = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-only", "AWS_EC2_METADATA_DISABLED": "true"}
MOTO = "import sys; from moto.server import main; main(sys.argv[1:])"


@dataclass(frozen=True)
class Bucket:
    """A new one; `address` as BOURSOMATIC_ARTIFACTS has it."""

    name: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return self.through(self.port)

    def through(self, port: int) -> str:
        return f"s3://{self.name}/models?endpoint=http://127.0.0.1:{port}"

    @property
    def client(self) -> Any:
        return boto3.session.Session().client("s3", endpoint_url=self.endpoint)

    def keys(self) -> list[str]:
        """Without the marker, and the one that a conditional write was tried on."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        listed = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return [key for key in listed if not key.endswith((".conditional-write", ".marker"))]


class Proxy:
    def __init__(self, port: int, mode: Path) -> None:
        self.port, self._mode = port, mode

    def refused(self) -> int:
        """Requests since the mode was set."""
        path = self._mode.with_suffix(".refused")
        return path.stat().st_size if path.exists() else 0

    def set(self, mode: str) -> None:
        self._mode.with_suffix(".refused").unlink(missing_ok=True)
        self._mode.with_suffix(".new").write_text(mode)
        self._mode.with_suffix(".new").rename(self._mode)


@contextlib.contextmanager
def listening(*command: str) -> Iterator[int]:
    """A process that is told a free port as the first `PORT` among its arguments; ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    parent = os.getpid()
    words = [str(port) if word == "PORT" else word for word in command]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509  (nothing is locked at that moment)
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or _answers(port), what="a server")
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    os.environ.update(KEY)
    with listening("-c", MOTO, "-H", "127.0.0.1", "-p", "PORT") as port:
        yield port


@pytest.fixture
def bucket(s3_port: int) -> Bucket:
    made = Bucket(f"b-{uuid4().hex}", s3_port)
    made.client.create_bucket(Bucket=made.name)
    return made


@pytest.fixture(scope="session")
def s3_proxy(s3_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    mode = tmp_path_factory.mktemp("s3") / "mode"
    mode.write_text("pass")
    with listening("-S", str(Path(__file__).with_name("s3_proxy.py")), "PORT", str(s3_port), str(mode)) as port:
        yield Proxy(port, mode)


@pytest.fixture
def proxy(s3_proxy: Proxy) -> Proxy:
    s3_proxy.set("pass")
    return s3_proxy


@pytest.fixture
def s3_settings(db: None, settings: Any, bucket: Bucket, tmp_path: Path) -> Bucket:
    """The site has its files in the bucket."""
    settings.STORAGES = {**settings.STORAGES, "artifacts": storage_settings(bucket.address, tmp_path)}
    marker.renew()
    return bucket


@pytest.fixture
def through_proxy(settings: Any, s3_settings: Bucket, proxy: Proxy, tmp_path: Path) -> Proxy:
    """The site reaches its bucket by the proxy alone."""
    through = storage_settings(s3_settings.through(proxy.port), tmp_path)
    settings.STORAGES = {**settings.STORAGES, "artifacts": through}
    return proxy

"""A Dask cluster for tests: a scheduler and two workers, processes of their own on loopback, which speak TLS alone."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Client
from distributed.security import Security

from boursomatic.env import ROOT
from boursomatic.shared.processes import die_with_parent
from tests.faults.crew import until

LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")
QUICK = {"MALLOC_TRIM_THRESHOLD_": "134217728", "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}  # docs/deploy
ONE_THREAD = ("--nthreads", "1")
WORKERS = ("worker0", "worker1")
DASK = Path(sys.executable).with_name("dask")


class DaskCluster:
    """`files` of TLS: ca, cert, key. Its scheduler can be killed, and comes back at the same address."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.address = folder, f"tls://127.0.0.1:{port}"
        self.files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def settings(self) -> dict[str, str]:
        """Of a site whose chunks go here."""
        files = {f"BOURSOMATIC_DASK_{name.upper()}": path for name, path in self.files.items()}
        return {"BOURSOMATIC_ENGINE": "dask", "BOURSOMATIC_DASK": self.address, **files}

    @property
    def django_settings(self) -> dict[str, str]:
        """The same, once read."""
        return {name.removeprefix("BOURSOMATIC_"): value for name, value in self.settings.items()}

    def start_scheduler(self) -> None:
        port = self.address.rpartition(":")[2]
        self.start("scheduler", "scheduler", "--protocol", "tls", "--port", port)

    def start_worker(self, name: str, *options: str, **more: str) -> None:
        self.start(name, "worker", self.address, *(options or ONE_THREAD), "--name", name, **more)

    def start(self, name: str, *command: str, **more: str) -> None:
        tls = [word for each in (("ca-file", "ca"), ("cert", "cert"), ("key", "key"))
               for word in (f"--tls-{each[0]}", self.files[each[1]])]  # fmt: skip
        parent = os.getpid()
        local = {"DASK_TEMPORARY_DIRECTORY": str(self.folder), "PYTHONPATH": str(ROOT), **QUICK}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, str(DASK), *command, *LOOPBACK, *tls],
                cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **local, **more}, start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509  (nothing is locked at that moment)
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """A worker is a process and its nanny, in a group."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):  # it has ended with its scheduler
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in sorted(self.processes, reverse=True):  # workers first
            self.kill(name)

    @contextmanager
    def client(self) -> Iterator[Client]:
        tls = Security(tls_ca_file=self.files["ca"], tls_client_cert=self.files["cert"],
                       tls_client_key=self.files["key"], require_encryption=True)  # fmt: skip
        with closing(Client(self.address, security=tls, timeout=30, set_as_default=False)) as client:
            yield client

    def start_workers(self) -> None:
        """Both, as far as they are not there or end with a scheduler that has died."""

        def are_there() -> bool:
            for name in WORKERS:
                if name not in self.processes or self.processes[name].poll() is not None:
                    self.start_worker(name)
            return self._names(client) == sorted(WORKERS)

        with self.client() as client:
            until(are_there, what="Dask workers", poll_s=0.2)

    def wait_for(self, workers: Sequence[str]) -> None:
        with self.client() as client:
            until(lambda: self._names(client) == sorted(workers), what=f"Dask workers {workers}")

    def _names(self, client: Client) -> list[str]:
        return sorted(each["name"] for each in client.scheduler_info(n_workers=-1)["workers"].values())

    def tasks(self) -> list[str]:
        """Keys of all that the scheduler has."""
        with self.client() as client:
            keys: list[str] = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
            return keys


def certify(folder: Path) -> None:
    """An authority of its own, and one certificate for all."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = ([x509.NameAttribute(NameOID.COMMON_NAME, name)] for name in ("authority", "cluster"))
    now = datetime.now(UTC)

    def certificate(names: list[x509.NameAttribute[str]], public: Any, *, ca: bool) -> bytes:
        made = x509.CertificateBuilder(x509.Name(issuer), x509.Name(names), public, x509.random_serial_number(),
                                       now - timedelta(days=1), now + timedelta(days=1))  # fmt: skip
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    (folder / "ca.pem").write_bytes(certificate(issuer, authority.public_key(), ca=True))
    (folder / "cert.pem").write_bytes(certificate(subject, key.public_key(), ca=False))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)


@contextmanager
def cluster_in(folder: Path) -> Iterator[DaskCluster]:
    certify(folder)
    cluster = DaskCluster(folder, free_port())
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start_scheduler()
        cluster.start_workers()
        yield cluster


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

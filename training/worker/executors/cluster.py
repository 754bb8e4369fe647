"""Chunks on a Dask cluster that a team has, under the lease of whoever holds the run. Needs requirements-dask.txt.

The process of a run submits and waits, its parent beats. Where it is killed, for a cancel or a lost lease, its
connection ends, and with that the scheduler forgets the task. What is worked out twice is the same, and written once:
by who holds the run. No thread before a client is made, so whoever forks may load this.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing

import dask
from distributed import Client, Future, KilledWorker, wait
from distributed.security import Security
from django.conf import settings

from training.errors import RunRefused, RunWaits
from training.models import Reason
from training.quant.chunks import Chunk
from training.worker.executors.parcel import ParcelRefused, pack, work_out

MOST_BYTES = 512 * 2**20  # of a chunk's inputs, which the scheduler holds meanwhile; larger ones are worked out here
HERE_IF_AWAY = ("day",)  # kinds of chunk that are over before a cluster that is away has been waited for
AWAY_S = 120.0  # how long a run waits for a cluster that is away or has no workers, before others have their turn
RETRY_S = 1.0
CONNECT_S = 5.0
_OTHER_CODE = "deserialization of the task graph"  # what the scheduler says where it can't import what it is sent
log = logging.getLogger("boursomatic.cluster")
dask.config.set({"distributed.admin.large-graph-warning-threshold": MOST_BYTES})  # we know what we send


class ClusterAway(Exception):
    """No scheduler or no worker for now; the text says which."""


def work_out_there(chunk: Chunk, *, key: str, tell: Callable[[str], None]) -> Iterator[bytes]:
    """As Chunk.work_out, all pieces at once. `key` is this chunk's own at this attempt; `tell` hears now and then how
    it stands, and may raise to give up. Raises RunWaits while there is no cluster, RunRefused where it can't do it."""
    if chunk.size > MOST_BYTES:
        tell("too large for the cluster: worked out here")
        yield from chunk.work_out()
    elif chunk.kind in HERE_IF_AWAY:
        yield from _there_or_here(chunk, key, tell)
    else:
        yield from _there(chunk, key, tell, patience=AWAY_S)


def _there_or_here(chunk: Chunk, key: str, tell: Callable[[str], None]) -> Iterable[bytes]:
    try:
        return _there(chunk, key, tell, patience=0.0)
    except RunWaits as away:
        tell(f"{away}: worked out here")
        return chunk.work_out()


def _there(chunk: Chunk, key: str, tell: Callable[[str], None], *, patience: float) -> list[bytes]:
    """Waits for a cluster that is away so many seconds."""
    parcel, since, is_away = pack(chunk), time.monotonic(), False
    while True:
        try:
            with closing(connect()) as client:
                since, is_away = time.monotonic(), False
                future = client.submit(work_out, parcel, key=key, retries=0, pure=False)
                return _result(client, future, tell, patience)
        except (ClusterAway, OSError) as problem:
            text = f"The {_name()} is away: {_words(problem)}"
            if not is_away:
                log.warning("%s", text)
            is_away = True
            if time.monotonic() - since >= patience:
                raise RunWaits(text) from problem
        tell(text)
        time.sleep(RETRY_S)


def connect() -> Client:
    """Raises OSError."""
    return Client(settings.DASK, security=_security(), timeout=CONNECT_S)


def problem() -> str:
    """Why chunks would have to wait now, in a sentence; "" where the scheduler answers. Starts no thread."""
    host, _, port = settings.DASK.removeprefix("tls://").rpartition(":")
    try:
        context = _security().get_connection_args("client")["ssl_context"]
        with (
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return ""
    except OSError as error:
        return f"The {_name()} is away: {_words(error)}. Until it is there, sweeps and folds of walks wait."


def _result(client: Client, future: Future[list[bytes]], tell: Callable[[str], None], patience: float) -> list[bytes]:
    """Waits for it. Raises ClusterAway, OSError and RunRefused, and what the chunk raised."""
    lonely_since: float | None = None
    while not future.done():
        try:
            wait(future, timeout=RETRY_S)
        except CancelledError:
            break
        except TimeoutError:
            lonely_since = None if client.nthreads() else lonely_since or time.monotonic()
            tell("waits for a Dask worker" if lonely_since else f"on the {_name()}")
            if lonely_since and time.monotonic() - lonely_since >= patience:
                raise ClusterAway("it has no workers") from None
    if future.status == "finished":
        pieces: list[bytes] = future.result()
        return pieces
    if future.status != "error":  # cancelled or lost: with the scheduler
        raise ClusterAway("the scheduler has ended")
    raise _refusal(future.exception())


def _refusal(problem: BaseException) -> BaseException:
    """What a chunk's own fault is here; a fault of the cluster in words."""
    if isinstance(problem, ParcelRefused):
        return RunRefused(Reason.CLUSTER, str(problem))
    if isinstance(problem, KilledWorker):
        sentence = "Dask workers died of it again and again, probably out of memory. Their logs have details."
        return RunRefused(Reason.CLUSTER, sentence)
    if _OTHER_CODE in str(problem):
        sentence = f"The {_name()} has other code. Start scheduler and workers with this site's release."
        return RunRefused(Reason.CLUSTER, sentence)
    if isinstance(problem, OSError):
        return RunRefused(Reason.CLUSTER, f"A Dask worker failed: {_words(problem)}.")
    return problem


def _security() -> Security:
    return Security(
        tls_ca_file=settings.DASK_CA,
        tls_client_cert=settings.DASK_CERT,
        tls_client_key=settings.DASK_KEY,
        require_encryption=True,
    )


def _name() -> str:
    return f"Dask cluster {settings.DASK}"


def _words(problem: BaseException) -> str:
    return (str(problem).strip().partition("\n")[0] or type(problem).__name__).rstrip(".")

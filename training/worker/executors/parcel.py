"""What a Dask worker is sent, and what it does with that: a chunk is worked out by the same code, from the same inputs,
or refused in words. Loaded by scheduler and workers of a cluster, which have neither settings nor a database.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from distributed import get_worker

from training.artifacts.provenance import code_version, library_versions
from training.quant.chunks import Chunk, load_functions
from training.quant.stats.threads import on_threads


class ParcelRefused(Exception):
    """This worker would answer something else than the site's own; the text says why and what to do."""


@dataclass(frozen=True)
class Parcel:
    """A chunk with the hashes of its inputs and the versions that it is to be worked out with."""

    chunk: Chunk
    hashes: Mapping[str, str]
    versions: Mapping[str, str]


def pack(chunk: Chunk) -> Parcel:
    return Parcel(chunk, chunk.hashes(), _versions())


def work_out(parcel: Parcel) -> list[bytes]:
    """All pieces of the chunk. Raises ParcelRefused, and what the chunk raises."""
    load_functions()
    here, worker = _versions(), get_worker()
    name, threads = f"The Dask worker {worker.address}", worker.state.nthreads
    if other := [what for what in parcel.versions if parcel.versions[what] != here.get(what)]:
        differ = ", ".join(f"{what} {here.get(what)} instead of {parcel.versions[what]}" for what in other)
        raise ParcelRefused(
            f"{name} has {differ}. Start scheduler and workers with this site's release and its locked packages."
        )
    if threads != 1:  # libraries count their threads by process: chunks side by side would upset each other
        raise ParcelRefused(
            f"{name} has {threads} threads. Start Dask workers of one thread each, as many as there are cores."
        )
    if parcel.chunk.hashes() != parcel.hashes:
        raise ParcelRefused(f"{name} has received something else than was sent.")
    with on_threads(1):
        return list(parcel.chunk.work_out())


def _versions() -> dict[str, str]:
    return {"code": code_version(), **library_versions()}

"""How a site is told of the Dask cluster that works chunks out for it."""

import os
import re
from importlib.util import find_spec


def require_cluster(address: str, **files: str) -> None:
    """Where the scheduler listens, and the files of TLS: ca, cert, key. Raises ValueError with what to do."""
    port = re.fullmatch(r"tls://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", address)
    if port is None or int(port[1]) > 65535:
        raise ValueError(
            "BOURSOMATIC_DASK is not tls://HOST:PORT. Set it to where the scheduler listens; without TLS whoever "
            "reaches it could run programs here."
        )
    for name, path in files.items():
        if not os.access(path, os.R_OK) or os.path.isdir(path):  # noqa: PTH112 - "" is no path
            raise ValueError(
                f"BOURSOMATIC_DASK_{name.upper()} is {path!r}, which is no file that can be read. Name one in PEM."
            )
    if find_spec("distributed") is None:
        raise ValueError(
            "BOURSOMATIC_ENGINE is dask, for which distributed is missing. Install it: "
            ".venv/bin/pip install -r requirements-dask.txt."
        )

"""How the web process is run: `gunicorn -c python:boursomatic.serve.gunicorn boursomatic.wsgi:served`."""

import os
import resource
import shutil
from typing import Any

from gunicorn import glogging

from boursomatic.settings import HOME
from boursomatic.shared.processes import die_with_parent

SOCKETS = 4096

workers = min(2, os.cpu_count() or 1)
worker_class = "boursomatic.serve.worker.Worker"
asgi_loop = "asyncio"
asgi_lifespan = "off"
timeout = 60
graceful_timeout = 3
keepalive = 5
preload_app = False  # LightGBM loaded before a fork hangs in the forked process once it has used threads
control_socket_disable = True
accesslog = None  # boursomatic.middleware writes it, with the user
errorlog = None
loglevel = "warning"


class logger_class(glogging.Logger):  # type: ignore[misc]  # noqa: N801 - the setting's name
    """What gunicorn says goes where everything goes."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


def on_starting(server: Any) -> None:
    """Room for more sockets than clients leave open; and what the web processes count begins at nothing, in files that
    they share."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = SOCKETS if hard == resource.RLIM_INFINITY else min(SOCKETS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    folder = HOME / "counters"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # read by prometheus_client when a web process imports it


def post_fork(server: Any, worker: Any) -> None:
    """A killed master takes its workers along."""
    die_with_parent(worker.ppid)

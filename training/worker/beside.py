"""What the worker command has done beside its loop, which has a heartbeat to keep: by processes of their own, since a
store of files, or a disk of another host, may take its time or never answer. No threads: the command forks.
"""

import json
import logging
import math
import os
import time
from contextlib import suppress
from functools import partial

from django.db import connections

from training.artifacts import marker
from training.worker.child import Child, Job

ASK_EVERY_S = 2.0
LATE_S = 5.0  # an answer is: others who ask the store wait for it, too
SILENT_S = 30.0  # S3 that is away has been given up by then; a disk of another host may never answer
_SILENT = "The artifact store doesn't answer. See that what it lies on runs and is mounted."
_ANSWERS = 65_536  # bytes read at once
_LONGEST, _SHORT = 800, 200  # characters: so short a line goes through a pipe whole
log = logging.getLogger("boursomatic.worker")


class Aside:
    """A process that does `job`, which has no end; another one where it has ended all the same."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._child: Child | None = None

    @property
    def pids(self) -> set[int]:
        return {self._child.pid} if self._child else set()

    def keep(self) -> None:
        """Call now and then. Where it forks, the caller's database connections are closed first."""
        if self._child and not self._child.wait(0):
            return
        child, self._child = self._child, None
        if child:
            child.kill()
        connections.close_all()
        self._child = Child.start(partial(_logged, self._job))


class StoreWatch(Aside):
    """Asks for the marker of the artifact store every two seconds, and tells by a pipe what it is."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        super().__init__(partial(_ask, self._writing))
        self._answer: tuple[str, str] | None = None
        self._answered = math.inf  # or, before there is an answer, when it was first asked

    def keep(self) -> None:
        self._answered = min(self._answered, time.monotonic())
        super().keep()

    def problem(self) -> str:
        """What is amiss by the last answer, as `marker.problem` says it; "" before there is one."""
        with suppress(BlockingIOError):
            while lines := os.read(self._reading, _ANSWERS).splitlines():
                self._answer, self._answered = json.loads(lines[-1]), time.monotonic()
        if time.monotonic() - self._answered > SILENT_S:
            return _SILENT
        return marker.compare(*self._answer) if self._answer else ""

    def is_late(self) -> bool:
        return time.monotonic() - self._answered > LATE_S


def _ask(writing: int) -> None:
    while True:
        stored, why = marker.read()
        os.write(writing, json.dumps([stored[:_SHORT], why[:_LONGEST]], ensure_ascii=False).encode() + b"\n")
        time.sleep(ASK_EVERY_S)


def _logged(job: Job) -> None:
    try:
        job()
    except Exception:
        log.exception("What goes on beside the workers failed, and is started again.")

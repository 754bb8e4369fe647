"""Carrying a run in the caller's own process: no child, no limits, but the same lease and the same ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DbError
from django.db import connection, transaction

from training.quant.candle.spec import CandleSpec
from training.quant.universe.spec import UniverseSpec
from training.queue import leases
from training.runs import services
from training.worker.execute import Tell, run_execute
from training.worker.heartbeat import HOST
from training.worker.outcome import Ending, Outcome
from training.worker.runner import Held, conclude


def hold(spec: CandleSpec | UniverseSpec) -> Held:
    """A new run that is this process's from the moment it can be seen. Raises SpecError."""
    with transaction.atomic():
        if isinstance(spec, UniverseSpec):
            run = services.universe_run_start(user=None, spec=spec)
        else:
            run = services.candle_run_start(user=None, spec=spec)
        token = leases.claim(run.pk, host=HOST, pid=os.getpid())
    assert token is not None
    return Held(run.pk, run.run_id, run.kind, token)


def carry(held: Held, tell: Tell | None) -> Ending:
    """Trains it; TERM and Ctrl-C cancel it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _beating(held):
            run_execute(run_pk=held.pk, token=held.token, tell=tell, fill=False)
        return Ending(Outcome.DONE)
    except KeyboardInterrupt:
        leases.request_cancel(held.pk)
        ending = Ending(Outcome.CANCELLED, sentence="Cancelled.")
    except Exception as problem:
        ending = Ending.of_exception(problem)
    conclude(held, ending)
    return ending


@contextmanager
def _beating(held: Held) -> Iterator[None]:
    """A thread says that the run lives. If the lease is lost all the same, the run's end is refused."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(leases.BEAT_EVERY_S):
            try:
                with leases.impatient():
                    leases.beat(held.pk, held.token)
            except DbError:  # locked or away for a moment: the next round tries again
                connection.close()
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

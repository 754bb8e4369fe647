"""Runs in the caller's own process, for commands: no child, no limits, but the same leases and the same ends. Parts may
be worked by processes side by side."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection
from django.db.models import Q

from training.models import ACTIVE, Status, TrainingRun
from training.queue import leases
from training.recipes.base import Parent, Spec
from training.recipes.kinds import recipe_of
from training.runs.services import run_create_claimed
from training.worker.execute import Tell, execute
from training.worker.heartbeat import HOST
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import Held, conclude
from training.worker.side_by_side import SideBySide, beat

LOOK_EVERY_S = 0.2  # at a follow-up that a worker has taken


def create_claimed(spec: Spec) -> list[Held]:
    """A new run with its parts, all this process's from the moment they can be seen: parts first, the run itself last.
    Raises SpecError."""
    family = run_create_claimed(spec=spec, host=HOST, pid=os.getpid())
    return [Held(run.pk, run.run_id, run.kind, token) for run, token in family]


def execute_family(family: Sequence[Held], tell: Tell | None, *, jobs: int = 1) -> RunOutcome:
    """Its parts, then the run itself, then what follows it; how the run itself ended. One job: the parts one after
    another in this process; else by so many side by side. TERM and Ctrl-C cancel what is left. If this process is
    killed, workers finish the rest: the leases run out."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome = RunOutcome(OutcomeKind.DONE)
    waiting, following = list(family), [family[-1].pk]
    try:
        if jobs > 1 and len(waiting) > 1:
            SideBySide(family, jobs=jobs, tell=tell).until_all_ended()
            del waiting[:-1]
        with _beating(waiting):
            for run_pk in _requeued(family) if jobs > 1 else ():
                _follow(run_pk, tell)
            while waiting:
                outcome = _execute(waiting[0], tell)
                waiting.pop(0)
                if waiting and _ends_family(outcome, of=family[-1]):
                    _give_up([held.pk for held in waiting[:-1]])
                    del waiting[:-1]
        for run_pk in following:  # which grows: what follows may be followed by more
            if run_pk != family[-1].pk:
                _follow(run_pk, tell)
            following += _next_runs(run_pk)
    except KeyboardInterrupt:
        outcome = RunOutcome(OutcomeKind.CANCELLED, sentence="Cancelled.")
        coming = {*following, *(next_pk for run_pk in following for next_pk in _next_runs(run_pk))}
        _give_up([*(held.pk for held in family), *(run_pk for run_pk in coming if _held(run_pk))])
    return outcome


def _execute(held: Held, tell: Tell | None) -> RunOutcome:
    try:
        execute(run_pk=held.pk, token=held.token, tell=tell)
        return RunOutcome(OutcomeKind.DONE)
    except Exception as problem:
        outcome = RunOutcome.of_exception(problem)
    conclude(held, outcome)
    return outcome


def _ends_family(outcome: RunOutcome, *, of: Held) -> bool:
    """Whether the parts still to come are for nothing after this end of one."""
    recipe = recipe_of(of.kind)
    does_without = isinstance(recipe, Parent) and recipe.on_part_failure == "combine_without"
    return outcome.outcome != OutcomeKind.DONE and not (does_without and outcome.outcome == OutcomeKind.FAILED)


def _requeued(family: Sequence[Held]) -> list[int]:
    """Parts whose process was killed; a worker may have taken them since."""
    parts = TrainingRun.objects.filter(pk__in=[held.pk for held in family[:-1]], status__in=ACTIVE)
    return list(parts.order_by("pk").values_list("pk", flat=True))


def _give_up(run_pks: Sequence[int]) -> None:
    for run_pk in run_pks:
        if leases.request_cancel(run_pk) == leases.CANCELLING and (held := _held(run_pk)):
            conclude(held, RunOutcome(OutcomeKind.CANCELLED))


def _next_runs(run_pk: int) -> list[int]:
    """Runs about this one, and the run of its own that it has started, as far as they are still to be done; each behind
    its parts."""
    started = TrainingRun.objects.filter(pk=run_pk).values_list("result__run_id", flat=True)[0]
    active = TrainingRun.objects.filter(status__in=ACTIVE).order_by("pk")
    following = active.filter(Q(subject=run_pk) | Q(run_id=started))
    return [pk for run in following for pk in (*active.filter(parent=run).values_list("pk", flat=True), run.pk)]


def _follow(run_pk: int, tell: Tell | None) -> None:
    """Carried out here, or awaited where a worker was quicker."""
    token = leases.claim(run_pk, host=HOST, pid=os.getpid())
    if token is None:
        while TrainingRun.objects.filter(pk=run_pk, status__in=ACTIVE).exists():
            leases.reclaim_expired()
            time.sleep(LOOK_EVERY_S)
        return
    run = TrainingRun.objects.get(pk=run_pk)
    held = [Held(run.pk, run.run_id, run.kind, token)]
    with _beating(held):
        _execute(held[0], tell)


def _held(run_pk: int) -> Held | None:
    """What this process holds."""
    run = TrainingRun.objects.filter(pk=run_pk, status=Status.RUNNING, worker_host=HOST, worker_pid=os.getpid()).first()
    return Held(run.pk, run.run_id, run.kind, run.lease_token) if run and run.lease_token else None


@contextmanager
def _beating(family: Sequence[Held]) -> Iterator[None]:
    """A thread says that these runs live. If a lease is lost all the same, the run's end is refused."""
    over = threading.Event()

    def beat_until_over() -> None:
        while not over.wait(leases.BEAT_EVERY_S):
            beat(family)
        connection.close()

    thread = threading.Thread(target=beat_until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

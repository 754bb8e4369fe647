"""Runs for commands, under the same leases and with the same ends as a worker's: in the caller's own process without
limits, or in processes of their own side by side."""

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
from training.queue.hosts import HOST
from training.recipes.base import Parent, Spec
from training.recipes.kinds import recipe_of
from training.runs.services import run_create_claimed
from training.worker.execute import Tell, execute
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import Held, conclude
from training.worker.side_by_side import SideBySide, beat

LOOK_EVERY_S = 0.2  # at a follow-up that a worker has taken


def create_claimed(spec: Spec) -> list[Held]:
    """A new run with its parts, all this process's from the moment they can be seen: parts first, the run itself last.
    Raises SpecError."""
    family = run_create_claimed(spec=spec, host=HOST, pid=os.getpid())
    return [Held(run.pk, run.run_id, run.kind, token, attempt=1) for run, token in family]


def execute_family(family: Sequence[Held], tell: Tell | None, *, jobs: int = 1) -> RunOutcome:
    """Its parts, then the run itself, then what follows it with its own parts; how the run itself ended. One job: one
    after another in this process; else each in a process of its own, so many side by side. TERM and Ctrl-C cancel what
    is left. If this process is killed, workers finish the rest: the leases run out."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if connection.in_atomic_block:
        jobs = 1  # another process wouldn't see these runs yet
    outcome = RunOutcome(OutcomeKind.DONE)
    following = [family[-1].pk]
    try:
        outcome = _execute_with_parts(family[-1].pk, family, tell, jobs)
        for run_pk in following:  # which grows: what follows may be followed by more
            for next_pk in _next_runs(run_pk):
                _execute_with_parts(next_pk, _claim_family(next_pk) if jobs > 1 else [], tell, jobs)
                following.append(next_pk)
    except KeyboardInterrupt:
        outcome = RunOutcome(OutcomeKind.CANCELLED, sentence="Cancelled.")
        coming = [*following, *(next_pk for run_pk in following for next_pk in _next_runs(run_pk))]
        parts = TrainingRun.objects.filter(parent__in=coming).order_by("pk").values_list("pk", flat=True)
        rest = dict.fromkeys([*parts, *coming])
        _give_up([*(held.pk for held in family), *(run_pk for run_pk in rest if _held(run_pk) or _is_queued(run_pk))])
    return outcome


def _execute_with_parts(run_pk: int, claimed: Sequence[Held], tell: Tell | None, jobs: int) -> RunOutcome:
    """A run of which this process has `claimed` some parts, or all and the run itself; how that one ended."""
    own = [held for held in claimed if held.pk == run_pk]
    _execute_all([held for held in claimed if held.pk != run_pk], own, tell, jobs)
    parts = TrainingRun.objects.filter(parent=run_pk, status__in=ACTIVE).order_by("pk")
    for part in list(parts.values_list("pk", flat=True)):
        _follow(part, tell, jobs)
    outcome = _execute_all(own, (), tell, jobs)
    _follow(run_pk, tell, jobs)
    return outcome


def _execute_all(runs: Sequence[Held], whole: Sequence[Held], tell: Tell | None, jobs: int) -> RunOutcome:
    """How the last of them ended; the lease of the `whole` that they are parts of is kept meanwhile. A run whose
    process is killed is back in the queue then."""
    if jobs > 1 and runs:
        return SideBySide(runs, whole, jobs=jobs, tell=tell).until_all_ended()
    outcome, waiting = RunOutcome(OutcomeKind.DONE), [*runs, *whole]
    with _beating(waiting):
        for held in runs:
            outcome = _execute(held, tell)
            waiting.remove(held)
            if whole and _ends_family(outcome, of=whole[0]):
                _give_up([other.pk for other in waiting if other != whole[0]])
                break
    return outcome


def _execute(held: Held, tell: Tell | None) -> RunOutcome:
    try:
        with held.in_logs():
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


def _give_up(run_pks: Sequence[int]) -> None:
    for run_pk in run_pks:
        if leases.request_cancel(run_pk) == leases.CANCELLING and (held := _held(run_pk)):
            conclude(held, RunOutcome(OutcomeKind.CANCELLED))


def _next_runs(run_pk: int) -> list[int]:
    """Runs about this one, and the run of its own that it has started, as far as they are still to be done."""
    started = TrainingRun.objects.filter(pk=run_pk).values_list("result__run_id", flat=True)[0]
    active = TrainingRun.objects.filter(status__in=ACTIVE).order_by("pk")
    return list(active.filter(Q(subject=run_pk) | Q(run_id=started)).exclude(pk=run_pk).values_list("pk", flat=True))


def _claim_family(run_pk: int) -> list[Held]:
    """The run and its parts, as far as no worker was quicker."""
    runs = TrainingRun.objects.filter(Q(pk=run_pk) | Q(parent=run_pk), status=Status.QUEUED).order_by("pk")
    return [held for pk in list(runs.values_list("pk", flat=True)) if (held := _claim(pk))]


def _claim(run_pk: int) -> Held | None:
    token = leases.claim(run_pk, host=HOST, pid=os.getpid())
    if token is None:
        return None
    run = TrainingRun.objects.get(pk=run_pk)
    return Held(run.pk, run.run_id, run.kind, token, run.attempt)


def _follow(run_pk: int, tell: Tell | None, jobs: int) -> None:
    """Carried out here, or awaited where a worker was quicker; nothing where it has ended."""
    while TrainingRun.objects.filter(pk=run_pk, status__in=ACTIVE).exists():
        if held := _claim(run_pk):
            _execute_all([held], (), tell, jobs)
        else:
            leases.reclaim_expired()
            time.sleep(LOOK_EVERY_S)


def _is_queued(run_pk: int) -> bool:
    return TrainingRun.objects.filter(pk=run_pk, status=Status.QUEUED).exists()


def _held(run_pk: int) -> Held | None:
    """What this process holds."""
    run = TrainingRun.objects.filter(pk=run_pk, status=Status.RUNNING, worker_host=HOST, worker_pid=os.getpid()).first()
    return Held(run.pk, run.run_id, run.kind, run.lease_token, run.attempt) if run and run.lease_token else None


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

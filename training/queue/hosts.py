"""What each host may take: what its settings, its memory and the people who run it allow."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from training.models import Priority, Status, TrainingRun, WorkerHost, WorkerProcess
from training.queue import clock, leases, release

HOST: str = settings.HOST_NAME
QUEUES = [Priority[name.upper()] for name in settings.QUEUES]
GB = 1e9
BEAT_EVERY_S: float = min(settings.HEARTBEAT_S / 5, 2.0)
ALIVE_S = 5.0 + BEAT_EVERY_S  # without a beat for so long: not there


def host_mark(*, cores: int, memory: int) -> None:
    """This host lives and has these cores and this memory. Nobody's order to drain it is touched."""
    WorkerHost.objects.update_or_create(
        name=HOST,
        defaults={
            "cores": cores,
            "memory": memory,
            "slots": _slots(),
            "queues": [int(queue) for queue in QUEUES],
            "ahead_s": clock.ahead_s(),
            "beat_at": clock.Clock(),
        },
    )


def turn() -> int | None:
    """The run that this host takes next. It carries as many as it has workers; one more only where it is a click, and
    never more clicks than workers: so nobody's click waits behind what nobody waits for."""
    return None if (takes := _takes()) is None else leases.next_queued(takes)


def is_open() -> bool:
    """Whether a wake-up may be meant for this host: not where every run that waits for a worker is for others, or this
    host has no worker left for it."""
    if (takes := _takes()) is None or alive().filter(host=HOST, has_store=False).exists():
        return False
    return leases.ready().filter(takes).exists() or not leases.ready().exists()


def is_for_others() -> bool:
    """Whether runs wait of which this host can take none: a wake-up that came here is theirs."""
    return leases.next_queued() is not None and not is_open()


def may_take() -> Q:
    """What has to be true in the moment of a claim: since its turn the host may have been drained, or another release
    deployed."""
    drained = WorkerHost.objects.filter(name=HOST, drained_at__isnull=False)
    return ~Exists(drained) & ~Exists(release.other())


def room_for(run_pk: int) -> Callable[[], bool] | None:
    """What `leases.claim` has to ask before it takes the run, with nobody else claiming meanwhile; None for a click, of
    which any number may be under way."""
    row = TrainingRun.objects.filter(pk=run_pk).values_list("memory", "priority").first()
    memory, priority = row or (0, Priority.CLICK)  # one that was deleted is not claimed anyway
    if priority == Priority.CLICK and not memory and not settings.MAX_RUNNING:
        return None
    return lambda: (
        not _is_full()
        and memory <= (load := _load()).free_memory(WorkerHost.objects.get(name=HOST))
        and (priority == Priority.CLICK or load.runs < _slots())
    )


def drained_set(name: str, *, drain: bool) -> bool:
    """From now on the host takes nothing more, or again what it can; False where nothing changes."""
    hosts = WorkerHost.objects.filter(name=name, drained_at__isnull=drain)
    return bool(hosts.update(drained_at=Now() if drain else None))


def alive() -> QuerySet[WorkerProcess]:
    """The processes that are there."""
    return WorkerProcess.objects.exclude(clock.stale("beat_at", ALIVE_S))


def absent() -> str | None:
    """Why no worker could take a run, as a clause that more may follow; None where one could."""
    workers = set(alive().values_list("release", "has_store"))
    if not workers:
        return "No worker is running"
    deployed = release.deployed()
    fitting = {has_store for its_release, has_store in workers if deployed in (None, its_release)}
    if not fitting:
        return "All workers are of another release of the code than the database"
    return None if True in fitting else "The artifact store of all workers can't be reached, or is not this database's"


def missing(run: TrainingRun | None = None) -> str | None:
    """The same where hosts are drained, or `run` or its parts are for none of them."""
    if why := absent():
        return why
    hosts = _with_workers()
    if hosts and all(host.drained_at for host in hosts):
        return "All hosts with workers are drained"
    if run is None:
        return None
    first = run.parts.filter(status=Status.QUEUED).first() or run
    return _why_none(hosts, first.priority, first.memory)


def stranded() -> list[str]:
    """Why queued runs can't start in the processes that are there although others could."""
    hosts = _with_workers()
    queued = TrainingRun.objects.filter(status=Status.QUEUED, deleted_at=None).order_by("priority")
    largest = queued.values_list("priority").annotate(Max("memory"))
    return [why for priority, memory in largest if (why := _why_none(hosts, priority, memory))]


def _with_workers() -> list[WorkerHost]:
    return list(WorkerHost.objects.filter(name__in=alive().values("host")))


def _why_none(hosts: list[WorkerHost], priority: int, memory: int) -> str | None:
    hosts = [host for host in hosts if host.drained_at is None]
    takers = [host for host in hosts if priority in host.queues]
    if hosts and not takers:
        return f"No host takes runs of the queue “{Priority(priority).name.lower()}”"
    most = max((host.memory for host in takers), default=memory)
    if memory > most:
        return f"A run needs {memory / GB:.1f} GB of memory and no host has more than {most / GB:.1f} GB"
    return None


def _takes() -> Q | None:
    """Which queued runs this host may take now; None for none at all: another release has been deployed, it is drained
    or has not said yet what it has, no worker is free, or as many run on all hosts as may."""
    host = WorkerHost.objects.filter(name=HOST, drained_at=None).first()
    if host is None or not release.is_ours() or _is_full():
        return None
    load = _load()
    if load.clicks >= _slots() or load.runs > _slots():
        return None
    takes = Q(priority__in=QUEUES, memory__lte=load.free_memory(host))
    if load.memory and (first := _waits_for_memory(host, load)) is not None:
        takes &= Q(memory=0) | Q(priority__lt=first)  # others would take what it waits for, again and again
    return takes & Q(priority=Priority.CLICK) if load.runs == _slots() else takes


def _waits_for_memory(host: WorkerHost, load: "_Load") -> int | None:
    """The first class with a run that has waited long, and only for memory that others have now."""
    waits = leases.ready().filter(created_at__lt=Now() - leases.PATIENCE, priority__in=QUEUES)
    others = waits.filter(memory__gt=load.free_memory(host), memory__lte=host.memory)
    first: int | None = others.aggregate(Min("priority"))["priority__min"]
    return first


def _slots() -> int:
    return max(1, settings.WORKERS)


@dataclass(frozen=True)
class _Load:
    """What runs on this host: how many runs and clicks workers carry, and what all runs need, a command's too."""

    runs: int
    clicks: int
    memory: int

    def free_memory(self, host: WorkerHost) -> int:
        return max(0, host.memory - self.memory)


def _load() -> _Load:
    running = TrainingRun.objects.filter(status=Status.RUNNING, worker_host=HOST)
    rows = list(running.order_by().values_list("worker_pid", "priority", "memory"))
    workers = set(WorkerProcess.objects.filter(host=HOST).values_list("pid", flat=True)) if rows else set()
    classes = [priority for pid, priority, _ in rows if pid in workers]
    most: dict[int | None, int] = {}  # a command holds a run with all its parts, and carries out one at a time
    for pid, _, memory in rows:
        most[pid] = max(memory, most.get(pid, 0))
    return _Load(runs=len(classes), clicks=classes.count(Priority.CLICK), memory=sum(most.values()))


def _is_full() -> bool:
    if not settings.MAX_RUNNING:
        return False
    workers = WorkerProcess.objects.filter(host=OuterRef("worker_host"), pid=OuterRef("worker_pid"))
    return TrainingRun.objects.filter(Exists(workers), status=Status.RUNNING).count() >= settings.MAX_RUNNING

"""One trial of `scripts/bench faults`, on the database of its environment: RUNS KILLS SEED OUTPUT."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 - models need the set-up
from django.contrib.auth.models import User  # noqa: E402
from django.db import Error as DbError  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from predictions.models import Schedule  # noqa: E402
from scripts.benchmarks.fault_counts import ends_of  # noqa: E402
from scripts.benchmarks.site import ROOT  # noqa: E402
from training.models import ACTIVE, Status, TrainingRun  # noqa: E402
from training.quant.candle.spec import CandleSpec  # noqa: E402
from training.quant.universe.spec import RECIPES, UniverseSpec  # noqa: E402
from training.quant.walk_forward.spec import WalkSpec  # noqa: E402
from training.queue import hosts, leases  # noqa: E402
from training.recipes.base import Spec  # noqa: E402
from training.runs import services  # noqa: E402

KINDS = ("worker", "child", "monitor", "pusher", "guard", "main", "web", "launcher")
DATABASE = "database"  # a process of PostgreSQL: the server then ends all others, recovers, and starts anew by itself
WHOLE_GROUP = {"monitor", "pusher", "guard", "main", "launcher"}  # every run that is being carried dies with these
PATIENCE_S = 600.0  # of a machine that does other things too
END_S = 900.0  # for what is queued when the last one was killed: on a busy machine it takes long, and is not stuck
NO_ORPHAN_S = 10.0
SCHEDULED = 10  # one in so many runs is made by a schedule
OF_UNIVERSE = (
    10  # one in so many is of a universe: recipes in turn, each confirmed by its walk, and walks by themselves
)
HORIZON, FOLDS, STEP = 5, 3, 60


@dataclass
class Hit:
    """A run whose process was killed, until it is queued again or over."""

    pk: int
    token: Any
    at: float
    kind: str


class Patient:
    """The launcher and everything below it, found by who forked whom."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.mark = f"BOURSOMATIC_HOME={os.environ['BOURSOMATIC_HOME']}\0".encode()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "boursomatic.serve.launcher", "--port", str(self.port)],
            cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def parts(self) -> dict[str, list[int]]:
        """Kind -> processes, as far as they are there. The launcher starts the web server first; django-q2 its
        workers, then monitor and pusher; who of them works, the database knows."""
        by_kind: dict[str, list[int]] = {"launcher": [self.process.pid]}
        for pid in _children(self.process.pid):
            by_kind["main" if b"manage.py\0worker" in _read(pid, "cmdline") else "web"] = [pid]
        working = set(hosts.alive().values_list("pid", flat=True))
        for guard in (pid for main in by_kind.get("main", []) for pid in _children(main)):
            below = sorted(_children(guard))
            others = [pid for pid in below if pid not in working]
            if len(below) == settings.WORKERS + 3 and len(others) == 2:  # one worker more, for clicks
                by_kind |= {"guard": [guard], "monitor": others[:1], "pusher": others[1:]}
                by_kind["worker"] = [pid for pid in below if pid in working]
                children = [child for pid in by_kind["worker"] for child in _children(pid)]
                by_kind["child"] = [child for child in children if _has_a_run(child)]
        return by_kind

    def left(self) -> set[int]:
        """Every process of this trial except this one, whoever its parent is."""
        pids = {int(path.name) for path in Path("/proc").glob("[0-9]*")} - {os.getpid()}
        return {pid for pid in pids if self.mark in _read(pid, "environ") and b"launcher\0" in _below(pid)}


def _below(pid: int) -> bytes:
    """Launcher, web server and worker command share their marks with no other process of the trial."""
    line = _read(pid, "cmdline")
    return (
        b"launcher\0" if any(word in line for word in (b"boursomatic.serve.launcher", b"gunicorn", b"worker")) else b""
    )


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(pid, f"task/{pid}/children").split()]


def _has_a_run(child: int) -> bool:
    """Its memory is limited then."""
    limits = _read(child, "limits")
    return b"Max address space" in limits and not re.search(rb"Max address space +unlimited", limits)


def _parent(pid: int) -> int:
    """Raises ProcessLookupError for a process that has ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if not fields:
        raise ProcessLookupError(pid)
    return int(fields[1])


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def _of_database() -> list[int]:
    """PostgreSQL's processes below the first one that last: those it starts with, and this trial's own connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        own: int = cursor.fetchone()[0]
    return [*_children(_parent(own))[:3], own]


class Trial:
    """Kills while runs go on, and keeps count."""

    def __init__(self, runs: int, kills: int, seed: int) -> None:
        self.runs, self.kills, self.random = runs, kills, random.Random(seed)
        self.user = User.objects.create_user("victim")
        self.run_pks: list[int] = []
        self.killed: Counter[str] = Counter()
        self.open: list[Hit] = []
        self.recoveries: list[tuple[float, str]] = []
        self.orphans = 0
        self.patient = Patient()
        self.start_s = 0.0

    def go(self) -> dict[str, Any]:
        started = time.monotonic()
        self.until(lambda: len(self.patient.parts()) > 6, END_S)
        self.start_s = time.monotonic() - started
        among = KINDS if connection.vendor == "sqlite" else (*KINDS, DATABASE)
        kinds = [among[n % len(among)] for n in range(self.kills)]
        self.random.shuffle(kinds)
        for n, kind in enumerate(kinds):
            self.ask(round(self.runs * (n + 1) / self.kills))
            self.kill(kind)
        self.ask(self.runs)
        active = TrainingRun.objects.filter(status__in=ACTIVE)
        with contextlib.suppress(TimeoutError):
            self.until(lambda: not active.exists() and not self.due().exists(), END_S + 2 * self.runs)
        self.run_pks += TrainingRun.objects.exclude(pk__in=self.run_pks).values_list("pk", flat=True)
        self.patient.process.terminate()
        self.patient.process.wait(120)
        self.count_orphans()
        return {**self.result(), "seconds": round(time.monotonic() - started)}

    def ask(self, many: int) -> None:
        """Runs of different kinds and lengths, so that kills meet every stage."""
        while len(self.run_pks) < many:
            try:
                self.run_pks.append(services.run_create(user=self.user, spec=self.spec(len(self.run_pks))).pk)
                if len(self.run_pks) % SCHEDULED == 0:
                    self.schedule()
            except DbError:
                connection.close()

    def spec(self, number: int) -> Spec:
        if number % OF_UNIVERSE == 0:
            turn, buy = divmod(number // OF_UNIVERSE, 3)
            own = UniverseSpec("few", horizon=HORIZON, recipe=RECIPES[buy % 2], buy_threshold=0.02 + turn / 1000)
            return own if buy < 2 else WalkSpec(own, folds=FOLDS, step=STEP)
        day = self.random.choice(("2010-03-10", "2012-06-13", "2015-06-12", "2016-02-17"))
        return CandleSpec(candle=f"{day}T00:00:00Z", symbol="BENCH", confirm=False,
                          train_years=self.random.choice((1.0, 3.0, 8.0)),
                          learning_rate=self.random.choice((0.01, 0.05)))  # fmt: skip

    def schedule(self) -> None:
        """A job that is due now, and on no other day of this trial."""
        now = timezone.now()
        Schedule.objects.create(
            job="score", universe=f"bench{len(self.run_pks)}", time_of_day=now.time(), next_run_at=now, every_days=90
        )

    def due(self) -> Any:
        """Schedules that no run was made for yet."""
        return Schedule.objects.filter(run_id="")

    def kill(self, kind: str) -> None:
        pause = time.monotonic() + self.random.uniform(0.0, 0.6)
        self.until(lambda: time.monotonic() > pause)
        victims = self.until(lambda: self.victims(kind))
        victim = self.random.choice(victims)
        held = self.until(self.held)[0]
        now = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            worker = _parent(victim) if kind == "child" else victim
            os.kill(victim, signal.SIGKILL)
            self.killed[kind] += 1
            self.open += [Hit(pk, token, now, kind) for pk, token, pid in held if kind in WHOLE_GROUP or pid == worker]
        if kind == "launcher":
            self.patient.process.wait()
            self.count_orphans()
            self.patient.start()
        if kind == "web":
            self.until(lambda: victim not in self.patient.parts().get(kind, [victim]))
        if kind == DATABASE:
            self.until(lambda: "worker" in self.patient.parts())
            self.start_s = max(self.start_s, time.monotonic() - now)
        if kind in ("main", "launcher"):
            self.until(lambda: victim not in (parts := self.patient.parts()).get(kind, [victim]) and "worker" in parts)
            self.start_s = max(self.start_s, time.monotonic() - now)

    def held(self) -> list[list[tuple[int, Any, int | None]]]:
        """All runs under way, in a list that is never empty."""
        running = TrainingRun.objects.filter(status=Status.RUNNING)
        return [list(running.values_list("pk", "lease_token", "worker_pid"))]

    def victims(self, kind: str) -> list[int]:
        """Processes of this kind. Once every run has ended there is no child to kill: one more is asked for. The
        database is not killed before what was hit before has recovered: it would have to wait for it."""
        if kind == DATABASE:
            return [] if self.open else _of_database()
        processes = self.patient.parts().get(kind, [])
        active = TrainingRun.objects.filter(pk__in=self.run_pks, status__in=ACTIVE)
        if kind == "child" and not processes and not active.exists():
            self.ask(len(self.run_pks) + 1)
        return processes

    def until(self, true: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
        """The first true value; meanwhile looks after the runs that were hit."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.look()
                if value := true():
                    return value
            except DbError:
                connection.close()
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.02)

    def look(self) -> None:
        if not self.open:
            return
        pks = [hit.pk for hit in self.open]
        tokens = dict(TrainingRun.objects.filter(pk__in=pks).values_list("pk", "lease_token"))
        now = time.monotonic()
        for hit in [hit for hit in self.open if tokens.get(hit.pk) != hit.token]:
            self.open.remove(hit)
            self.recoveries.append((now - hit.at, hit.kind))

    def count_orphans(self) -> None:
        """Nothing may outlive the launcher by more than the time that it may take to stop."""
        with contextlib.suppress(TimeoutError):
            self.until(lambda: not self.patient.left(), NO_ORPHAN_S)
        for pid in self.patient.left():
            self.orphans += 1
            print("Left behind:", _read(pid, "cmdline").replace(b"\0", b" ").decode(), file=sys.stderr)
            os.kill(pid, signal.SIGKILL)

    def result(self) -> dict[str, Any]:
        limit = 2 * leases.LEASE_S + self.start_s
        return {
            "runs": len(self.run_pks),
            "kills": dict(self.killed),
            "hit": len(self.recoveries) + len(self.open),
            **ends_of(self.run_pks, unrecovered=len(self.open)),
            "orphans": self.orphans,
            "late": sum(took > limit for took, _ in self.recoveries),
            "slowest_s": round(max((took for took, _ in self.recoveries), default=0.0), 2),
            "slowest_by_kind_s": {
                kind: round(max(took for took, of in self.recoveries if of == kind), 2)
                for kind in KINDS
                if any(of == kind for _, of in self.recoveries)
            },
            "start_s": round(self.start_s, 2),
        }


def main(arguments: list[str]) -> int:
    runs, kills, seed = map(int, arguments[:3])
    trial = Trial(runs, kills, seed)
    try:
        Path(arguments[3]).write_text(json.dumps(trial.go()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            trial.patient.process.terminate()
        trial.patient.process.wait(120)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

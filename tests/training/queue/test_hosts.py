"""What a host may take: its settings, its memory, a drain, the limit on all."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.training.run_builders import make_run
from tests.training.universe import make_universe
from training.models import DeployedRelease, Priority, Status, TrainingRun, WorkerHost, WorkerProcess
from training.quant.universe.panel import COLUMNS
from training.quant.universe.spec import UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.queue import clock, hosts, leases, release
from training.runs.services import run_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
GB = 10**9


def a_host(name: str = hosts.HOST, **more: Any) -> WorkerHost:
    """With a process that is alive."""
    WorkerProcess.objects.create(
        host=name, pid=1, started_at=timezone.now(), beat_at=clock.read(), release=release.ours()
    )
    known = {"cores": 2, "memory": 8 * GB, "slots": 2, "queues": list(Priority), "ahead_s": 0.0}
    return WorkerHost.objects.create(**{"name": name, "beat_at": clock.read(), **known, **more})


def why(run: Any = None) -> str | None:
    return hosts.missing(run)


def test_it_says_what_it_has_and_stays_drained() -> None:
    hosts.host_mark(cores=4, memory=8 * GB)
    host = WorkerHost.objects.get()
    assert (host.name, host.cores, host.memory, host.queues) == (hosts.HOST, 4, 8 * GB, [0, 1, 2, 3])
    assert abs(host.ahead_s) < 60
    assert hosts.drained_set(hosts.HOST, drain=True) and not hosts.drained_set(hosts.HOST, drain=True)
    hosts.host_mark(cores=4, memory=8 * GB)
    assert WorkerHost.objects.get().drained_at is not None


def test_a_drained_host_takes_nothing_until_it_is_resumed() -> None:
    a_host()
    run = make_run(None)
    assert hosts.turn() == run.pk and hosts.is_open()
    hosts.drained_set(hosts.HOST, drain=True)
    assert hosts.turn() is None and not hosts.is_open()
    assert why() == why(run) == "All hosts with workers are drained"
    a_host("another")
    assert why() is None
    hosts.drained_set(hosts.HOST, drain=False)
    assert hosts.turn() == run.pk


def test_with_one_run_waiting_it_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    a_host()
    run = make_run(None)
    make_run(None, status=Status.RUNNING, worker_host=hosts.HOST, worker_pid=1)
    with django_assert_max_num_queries(5):
        assert hosts.turn() == run.pk
    with django_assert_max_num_queries(6):
        assert hosts.is_open()


def test_it_passes_over_what_needs_more_memory_than_its_runs_leave() -> None:
    a_host()
    large, small = (make_run(None, kind="universe", memory=size * GB) for size in (6, 3))
    assert hosts.turn() == large.pk
    leases.claim(large.pk, host=hosts.HOST, pid=1)
    assert hosts.turn() is None and not hosts.is_open(), "2 GB are left"
    click = make_run(None)
    assert hosts.turn() == click.pk and hosts.is_open()
    assert why(small) is None, "it will be able to"


def test_what_no_host_can_take_is_said_at_once() -> None:
    a_host()
    huge = make_run(None, kind="universe", memory=20 * GB)
    sentence = "A run needs 20.0 GB of memory and no host has more than 8.0 GB"
    assert hosts.turn() is None and why(huge) == sentence
    assert hosts.stranded() == [sentence]
    larger = a_host("another", memory=32 * GB)
    assert why(huge) is None and not hosts.stranded()
    larger.delete()
    part = make_run(None, kind="fold", parent=make_run(None, kind="walk"), memory=20 * GB)
    assert why(part.parent) == sentence, "its parts are what waits"


def test_it_takes_runs_of_its_queues_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    a_host(queues=[Priority.DATA])
    monkeypatch.setattr(hosts, "QUEUES", [Priority.DATA])
    click = make_run(None)
    assert hosts.turn() is None and not hosts.is_open()
    assert why(click) == "No host takes runs of the queue “click”"
    recommend = make_run(None, kind="recommend")
    assert hosts.turn() == recommend.pk and hosts.is_open()


def test_what_happens_between_a_look_and_the_claim_counts() -> None:
    a_host()
    run = make_run(None)
    turn, may_take = hosts.turn(), hosts.may_take()
    assert turn == run.pk
    hosts.drained_set(hosts.HOST, drain=True)
    assert leases.claim(turn, host=hosts.HOST, pid=1, while_true=may_take) is None
    hosts.drained_set(hosts.HOST, drain=False)
    DeployedRelease.objects.update(release="9.9.9+other")
    assert leases.claim(turn, host=hosts.HOST, pid=1, while_true=may_take) is None
    assert hosts.turn() is None
    release.write()
    assert leases.claim(turn, host=hosts.HOST, pid=1, while_true=may_take)


def test_no_more_run_on_all_hosts_than_may(settings: Any) -> None:
    a_host()
    a_host("another")
    settings.MAX_RUNNING = 2
    assert leases.claim(make_run(None).pk, host=hosts.HOST, pid=99), "a command's, which doesn't count"
    for host in (hosts.HOST, "another"):
        run = make_run(None)
        assert leases.claim(run.pk, host=host, pid=1, room=hosts.room_for(run.pk))
    waits = make_run(None)
    assert leases.claim(waits.pk, host=hosts.HOST, pid=1, room=hosts.room_for(waits.pk)) is None
    assert hosts.turn() is None and not hosts.is_open()
    settings.MAX_RUNNING = 0
    assert hosts.turn() == waits.pk


def test_two_that_look_at_the_same_moment_do_not_share_the_memory() -> None:
    a_host()
    first, second = (make_run(None, kind="universe", memory=5 * GB) for _ in range(2))
    rooms = [hosts.room_for(run.pk) for run in (first, second)]
    assert leases.claim(first.pk, host=hosts.HOST, pid=1, room=rooms[0])
    assert leases.claim(second.pk, host=hosts.HOST, pid=1, room=rooms[1]) is None


def test_two_that_look_at_the_same_moment_do_not_share_a_slot(settings: Any) -> None:
    settings.WORKERS = 1
    a_host()
    first, second = (make_run(None, priority=Priority.CHUNK) for _ in range(2))
    rooms = [hosts.room_for(run.pk) for run in (first, second)]
    assert hosts.is_open() and leases.claim(first.pk, host=hosts.HOST, pid=1, room=rooms[0])
    assert leases.claim(second.pk, host=hosts.HOST, pid=1, room=rooms[1]) is None
    assert not hosts.is_open(), "its wake-up is for a host that has a worker left"
    assert hosts.is_for_others()
    assert hosts.room_for(click := make_run(None).pk) is None and hosts.turn() == click and hosts.is_open()


def test_what_has_waited_long_for_memory_is_not_passed_over_any_more() -> None:
    a_host()
    leases.claim(make_run(None, kind="universe", memory=4 * GB).pk, host=hosts.HOST, pid=1)
    large = make_run(None, kind="universe", memory=6 * GB)
    small = make_run(None, kind="universe", memory=GB)
    assert hosts.turn() == small.pk
    TrainingRun.objects.filter(pk=large.pk).update(created_at=timezone.now() - 2 * leases.PATIENCE)
    assert hosts.turn() is None
    click = make_run(None)
    assert hosts.turn() == click.pk, "that takes none"


def test_who_waits_for_memory_keeps_out_nobody_of_an_earlier_class_nor_before_its_parts_are_over() -> None:
    a_host()
    leases.claim(make_run(None, kind="universe", memory=4 * GB).pk, host=hosts.HOST, pid=1)
    whole = make_run(None, kind="universe", memory=6 * GB)
    part = make_run(None, parent=whole, priority=Priority.ABOUT, memory=6 * GB)
    TrainingRun.objects.filter(pk__in=[whole.pk, part.pk]).update(created_at=timezone.now() - 2 * leases.PATIENCE)
    small = make_run(None, kind="universe", memory=GB)
    assert hosts.turn() == small.pk
    make_run(None, priority=Priority.CHUNK, memory=GB)
    TrainingRun.objects.filter(pk=small.pk).delete()
    assert hosts.turn() is None, "the part's room is taken by no later class"


def test_a_command_that_holds_a_run_with_its_parts_takes_memory_once() -> None:
    a_host()
    for pid in (7, 7, 7, 8):
        leases.claim(make_run(None, kind="universe", memory=3 * GB).pk, host=hosts.HOST, pid=pid)
    fits, too_large = (make_run(None, kind="universe", memory=size * GB) for size in (2, 3))
    assert hosts.turn() == fits.pk
    assert leases.claim(too_large.pk, host=hosts.HOST, pid=1, room=hosts.room_for(too_large.pk)) is None


def test_a_wake_up_is_passed_on_only_where_a_run_waits() -> None:
    host = a_host()
    assert not hosts.is_for_others()
    run = make_run(None)
    assert not hosts.is_for_others(), "it takes that one itself"
    hosts.drained_set(host.name, drain=True)
    assert hosts.is_for_others()
    run.delete()
    assert not hosts.is_for_others()


def test_processes_of_before_say_nothing_of_its_store() -> None:
    a_host()
    make_run(None)
    WorkerProcess.objects.update(has_store=False)
    assert not hosts.is_open()
    WorkerProcess.objects.update(beat_at=clock.read() - timedelta(seconds=2 * hosts.ALIVE_S))
    assert hosts.is_open()


def test_it_leaves_a_wake_up_for_others_where_its_store_is_another_or_a_whole_waits_for_its_parts() -> None:
    a_host()
    whole = make_run(None, kind="sweep")
    make_run(None, kind="sweep_chunk", parent=whole, priority=Priority.CHUNK)
    assert hosts.is_open()
    WorkerProcess.objects.update(has_store=False)
    assert not hosts.is_open()


def test_a_host_that_has_not_said_what_it_has_takes_nothing() -> None:
    make_run(None)
    assert hosts.turn() is None and not hosts.is_open()


def test_a_run_and_its_parts_carry_the_memory_that_their_universe_takes() -> None:
    members = make_universe("few")
    run = run_create(spec=WalkSpec(UniverseSpec(universe="few"), folds=4, step=20), user=None)
    bars = sum(series.rows for series in members)
    assert run.memory == round(bars * len(COLUMNS) * 4 * 1.8) > 0
    assert set(run.parts.values_list("memory", flat=True)) == {run.memory}

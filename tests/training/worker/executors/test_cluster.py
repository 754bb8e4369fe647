"""Chunks on a Dask cluster of two processes over TLS are those of this process to the last bit, or refused in words."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from boursomatic.env import ROOT
from boursomatic.shared.clusters import require_cluster
from predictions.models import Recommendation, RecommendationSet
from predictions.recipes.recommend.spec import parse_recommend_request
from predictions.recommendations import make
from tests.dask_cluster import DaskCluster
from tests.market import make_series
from tests.predictions.advised import advised, day_of
from tests.training.carrying import carry
from tests.training.quant.noise import noise_bars
from tests.training.recipes.test_sweep import contents, swept
from tests.training.recipes.test_walk_forward import ask, carry_next
from tests.training.universe import make_universe
from training.errors import RunRefused, RunWaits
from training.models import Reason, Status, TrainingRun
from training.quant import chunks
from training.quant.candle.plan import NO_STALE
from training.quant.candle.request import parse_candle_spec
from training.quant.chunks import Chunk
from training.quant.search.train_cell import cells_chunk
from training.runs import services
from training.worker.executors import cluster
from training.worker.executors.parcel import ParcelRefused, pack, work_out

pytestmark = [pytest.mark.django_db, pytest.mark.db_both, pytest.mark.processes, pytest.mark.slow]


def test_a_sweep_has_the_cells_of_its_own_workers(settings: Any, dask_engine: DaskCluster) -> None:
    make_series(bars=600)
    there = swept()
    settings.ENGINE = "workers"
    here = swept()
    assert there.status == Status.COMPLETED, there.error
    assert contents(there) == contents(here) and there.result == here.result
    assert dask_engine.tasks() == []


@pytest.mark.parametrize("recipe", ["phase22", "honest"])
def test_a_walk_has_the_folds_of_its_own_workers(settings: Any, dask_engine: DaskCluster, recipe: str) -> None:
    make_universe()
    there = walked(recipe)
    settings.ENGINE = "workers"
    here = walked(recipe)
    assert there.status == Status.COMPLETED, there.error
    assert said(there) == said(here) and there.result == here.result and there.detail == here.detail


def walked(recipe: str) -> TrainingRun:
    walk = ask(recipe=recipe)
    while carry_next():
        pass
    walk.refresh_from_db()
    return walk


def said(walk: TrainingRun) -> list[tuple[str, object]]:
    """The hash of what each fold's models predict, and their importances."""
    return [(fold.result["said"], fold.detail) for fold in walk.parts.order_by("pk")]


@pytest.mark.parametrize("recipe", ["phase22", "honest"])
def test_recommendation_days_are_what_its_own_workers_say(
    settings: Any, dask_engine: DaskCluster, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    advised(recipe=recipe)
    monkeypatch.setattr(make, "LARGE", 6)
    monkeypatch.setattr(chunks, "KINDS", {kind: name for kind, name in chunks.KINDS.items() if kind != "day"})
    there = replayed()
    monkeypatch.undo()
    settings.ENGINE = "workers"
    assert there == replayed() and len({day for day, *_ in there}) >= 2


def test_recommendation_days_do_not_wait_for_a_cluster(
    settings: Any, dask_engine: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    advised()
    monkeypatch.setattr(make, "LARGE", 6)
    settings.DASK = "tls://127.0.0.1:1"
    here = replayed()
    settings.ENGINE = "workers"
    assert here == replayed()


def replayed() -> list[tuple[Any, ...]]:
    """What the active model says of several days, in one run; forgotten again."""
    days = {"from": day_of(400).isoformat(), "to": day_of(418).isoformat(), "every": "week"}
    spec = parse_recommend_request({"universe": "few", "replay": days})
    run = carry(services.run_create(user=None, spec=spec))
    assert run.status == Status.COMPLETED, run.error
    columns = ("set__as_of", "series_id", "label", "p_sell", "p_buy", "expected_return", "rank")
    rows = list(Recommendation.objects.order_by("set__as_of", "series_id").values_list(*columns))
    Recommendation.objects.all().delete()
    RecommendationSet.objects.all().delete()
    return rows


def small_chunk() -> Chunk:
    bars = noise_bars(600, seed=1)
    spec = parse_candle_spec({"symbol": "SPY", "candle_date": "2001-06-01", "train_years": 0.5, "protocol": "steady"})
    return cells_chunk(bars, [spec], stale_time=NO_STALE)


def there(chunk: Chunk) -> list[bytes]:
    return list(cluster.work_out_there(chunk, key=f"test-{uuid4()}", tell=lambda text: None))


def test_a_chunk_that_fails_fails_alike(dask_engine: DaskCluster) -> None:
    chunk = small_chunk()
    assert there(chunk) == list(chunk.work_out())
    with pytest.raises(KeyError, match="cells"):
        there(replace(chunk, spec={}))


def test_what_is_too_large_for_a_cluster_is_worked_out_here(
    settings: Any, dask_engine: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "MOST_BYTES", 0)
    settings.DASK = "tls://127.0.0.1:1"
    chunk = small_chunk()
    assert there(chunk) == list(chunk.work_out())


def test_inputs_are_held_against_their_hashes(dask_engine: DaskCluster) -> None:
    parcel = pack(small_chunk())
    changed = replace(parcel, hashes={**parcel.hashes, "close": "0" * 64})
    with dask_engine.client() as client, pytest.raises(ParcelRefused, match="something else than was sent"):
        client.submit(work_out, changed, pure=False).result()


def test_a_worker_of_other_code_or_with_threads_refuses(dask_engine: DaskCluster, tmp_path: Path) -> None:
    for app in ("boursomatic", "instruments", "training"):
        shutil.copytree(ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "training" / "quant" / "labels.py").open("a") as file:
        file.write("# changed\n")
    with (
        only(dask_engine, PYTHONPATH=str(tmp_path)),
        pytest.raises(RunRefused, match=r"has code 0.*this site's release"),
    ):
        there(small_chunk())
    with only(dask_engine, "--nthreads", "2"), pytest.raises(RunRefused, match="has 2 threads") as refused:
        there(small_chunk())
    assert refused.value.reason == Reason.CLUSTER


@contextmanager
def only(cluster: DaskCluster, *options: str, **variables: str) -> Iterator[None]:
    """No worker of the cluster but this one."""
    for number in range(2):
        cluster.kill(f"worker{number}")
    cluster.start_worker("strange", *options, **variables)
    cluster.wait_for(["strange"])
    try:
        yield
    finally:
        cluster.kill("strange")
        cluster.start_workers()


def test_a_cluster_that_is_away_is_waited_for(
    settings: Any, dask_engine: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.problem() == ""
    settings.DASK = "tls://127.0.0.1:1"
    monkeypatch.setattr(cluster, "AWAY_S", 0.0)
    away = "The Dask cluster tls://127.0.0.1:1 is away: "
    assert cluster.problem().startswith(away) and cluster.problem().endswith("sweeps and folds of walks wait.")
    heard: list[str] = []
    with pytest.raises(RunWaits, match=away):
        list(cluster.work_out_there(small_chunk(), key="away", tell=heard.append))
    monkeypatch.setattr(cluster, "AWAY_S", 300.0)

    def mended(text: str) -> None:
        assert text.startswith((away, "on the"))
        settings.DASK = dask_engine.address

    chunk = small_chunk()
    assert list(cluster.work_out_there(chunk, key="mended", tell=mended)) == list(chunk.work_out())


@pytest.mark.parametrize(
    "address", ["", "tcp://host:8786", "tls://host", "tls://user:password@host:8786", "tls://host:99999"]
)
def test_an_address_without_tls_or_port_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="BOURSOMATIC_DASK is not tls://HOST:PORT"):
        require_cluster(address, ca=__file__, cert=__file__, key=__file__)


def test_files_of_tls_that_are_not_there_are_refused() -> None:
    require_cluster("tls://host:8786", ca=__file__, cert=__file__, key=__file__)
    with pytest.raises(ValueError, match="BOURSOMATIC_DASK_KEY is '', which is no file"):
        require_cluster("tls://host:8786", ca=__file__, cert=__file__, key="")

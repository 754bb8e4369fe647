"""Files of models on S3: written on condition, named by the row alone, as they were written or not at all."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from boursomatic.env import ROOT
from boursomatic.errors import STORE_AWAY
from boursomatic.shared.stores import S3Address, StoreFailed, storage_settings
from instruments.imports.reader import refused
from instruments.imports.staging import Staging
from instruments.imports.uploads import upload_create
from tests.faults.crew import environment, until
from tests.instruments.uploaded import five
from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.s3 import Bucket, Proxy
from tests.training.artifacts.test_integrity import BODY, verify
from tests.training.carrying import carried
from training.artifacts import marker, s3
from training.artifacts.loading import native_files, stored_model
from training.artifacts.s3 import S3Storage
from training.artifacts.storage import DiskStorage, artifact_storage, run_folder, sha256
from training.errors import StoreAway
from training.models import ModelVersion, Reason, RunEvent, Status, StoreMarker, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.queue import leases
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.store.spec import StoreSpec
from training.runs.backups import backup_start
from training.runs.deletion import bytes_of, sweep_deleted
from training.runs.services import run_create
from training.worker import execute, heartbeat, runner
from training.worker.child import Child
from training.worker.housekeeping import sweep_orphans
from training.worker.outcome import RunOutcome


def storage_at(address: str, tmp_path: Path) -> S3Storage:
    return S3Storage(address, str(tmp_path / "cache"))


@pytest.fixture
def storage(bucket: Bucket, tmp_path: Path) -> S3Storage:
    return storage_at(bucket.address, tmp_path)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("s3://key:secret@bucket/x", "has a key or password"),
        ("s3://bucket/x?endpoint=https://key:secret@host", "has a key or password"),
        ("s3:///x", "can't be read"),
        ("s3://bucket?secret=x", "can't be read"),
        ("s3://bucket/x#y", "can't be read"),
        ("s3://bucket?endpoint=host:9000", "no http"),
    ],
)
def test_an_address_is_read_strictly_and_never_repeated(address: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        S3Address.parse(address)
    assert "secret" not in str(refusal.value)


def test_an_address_says_bucket_prefix_and_endpoint() -> None:
    assert S3Address.parse("s3://bucket/a/b/?endpoint=http://h:1/") == S3Address("bucket", "a/b", "http://h:1")
    assert S3Address.parse("s3://bucket").key("x") == "x"


def test_of_eight_that_write_the_same_one_wins(storage: S3Storage) -> None:
    def write(number: int) -> bool:
        try:
            storage.put("uploads/1", f"{number}".encode())
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    storage.put("uploads/2", b"x")
    storage.put("uploads/2", b"x")  # an answer that was lost: what is there is what was to be written


def test_it_reads_what_django_storages_read(storage: S3Storage) -> None:
    assert storage.save("uploads/a/0", ContentFile(b"bars")) == "uploads/a/0"
    assert (storage.exists("uploads/a/0"), storage.exists("uploads/a/1")) == (True, False)
    assert (storage.listdir("uploads"), storage.listdir("uploads/a")) == ((["a"], []), ([], ["0"]))
    assert storage.open("uploads/a/0").read() == b"bars"
    storage.delete("uploads/a/0")
    with pytest.raises(FileNotFoundError):
        storage.open("uploads/a/0")


def test_uploads_lie_there_while_they_are_read(s3_settings: Bucket) -> None:
    staging = Staging("1")
    staging.put(0, ContentFile(b"date,close"))
    with staging.copy(0, "bars.csv") as path:
        assert path.read_bytes() == b"date,close"
    staging.put_reading(1, 0, refused("bars.csv", "No."), {})
    assert (staging.has_ended(1), staging.get_reading(1, 1)) == (False, None)
    staging.end_reading(1)
    assert staging.has_ended(1) and staging.get_reading(1, 0) == refused("bars.csv", "No.")
    staging.discard()
    staging.discard()
    assert s3_settings.keys() == []


def test_its_copies_are_checked_and_few(storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [bytes([65 + number]) * 1000 for number in range(4)]
    monkeypatch.setattr(s3, "CACHE_BYTES", 2500)
    for number, content in enumerate(contents):
        storage.put(f"{number}", content)
        assert storage.read(f"{number}", sha256(content)) == content
    assert len(list((tmp_path / "cache").iterdir())) == 2
    copy = tmp_path / "cache" / sha256(contents[3])
    storage.delete("3")
    assert storage.read("3", sha256(contents[3])) == contents[3], "without asking the store"
    copy.write_bytes(b"harm")
    with pytest.raises(FileNotFoundError):
        storage.read("3", sha256(contents[3]))
    storage.put("3", b"other")
    assert storage.read("3", sha256(contents[3])) == b"other", "who parses it compares"
    assert copy.read_bytes() == b"harm"


def test_an_endpoint_without_conditional_writes_is_refused(bucket: Bucket, proxy: Proxy, tmp_path: Path) -> None:
    storage_at(bucket.address, tmp_path).check()
    storage_at(bucket.address, tmp_path).check()
    assert bucket.keys() == []
    for mode in ("unconditional", "501 NotImplemented"):
        proxy.set(mode)
        with pytest.raises(StoreFailed, match="doesn't know conditional writes"):
            storage_at(bucket.through(proxy.port), tmp_path).check()


def test_it_says_that_there_is_no_key(bucket: Bucket) -> None:
    """In a process without tables, as the one that reads uploads is."""
    code = f"from training.artifacts.s3 import S3Storage; S3Storage({bucket.address!r}, '').check()"
    here = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
    here |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=here, capture_output=True, text=True, check=False)
    assert f"There is no key for {bucket.address} (NoCredentialsError). Set AWS_ACCESS_KEY_ID" in done.stderr


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("cut", r"can't be reached \(ConnectionClosedError\)\. See that it runs"),
        ("503 SlowDown", r"can't be reached \(status 503\)"),
        ("403 InvalidAccessKeyId", r"refuses the key \(InvalidAccessKeyId\)\. Mend AWS_ACCESS_KEY_ID"),
        ("404 NoSuchBucket", "no such bucket"),
        ("400 InvalidRequest", r"refuses what it is asked \(InvalidRequest, status 400\)"),
    ],
)
def test_it_says_what_is_amiss(bucket: Bucket, proxy: Proxy, tmp_path: Path, mode: str, why: str) -> None:
    storage = storage_at(bucket.through(proxy.port), tmp_path)
    storage.check()
    proxy.set(mode)
    with pytest.raises(StoreFailed, match=why):
        storage.listdir("on_demand_runs")


def test_it_is_refused_at_start_without_the_address_or_the_package(tmp_path: Path) -> None:
    def refusal(address: str, *before: str) -> str:
        code = "; ".join([*before, "import boursomatic.settings"])
        here = {**os.environ, "BOURSOMATIC_HOME": str(tmp_path), "BOURSOMATIC_ARTIFACTS": address}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=here, capture_output=True, text=True, check=False
        )
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""

    assert refusal("s3://bucket/x") == ""
    told = refusal("s3://me:hushhush@bucket/x")
    assert "BOURSOMATIC_ARTIFACTS has a key or password in it" in told and "hushhush" not in told
    no_boto = "import sys; sys.modules['boto3'] = None"
    assert "boto3 is missing. Install it: python3 scripts/setup.py s3" in refusal("s3://bucket/x", no_boto)


def manage(environment: dict[str, str], *words: str) -> dict[str, Any]:
    command = [sys.executable, "manage.py", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def moved_to(place: str) -> dict[str, Any]:
    said = io.StringIO()
    call_command("move_artifacts", "--to", place, "--json", stdout=said)
    answer: dict[str, Any] = json.loads(said.getvalue())
    return answer


def ended() -> TrainingRun:
    """A run as a worker ends it, whatever comes of it."""
    run = run_create(user=None, spec=parse_candle_spec(BODY))
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    try:
        execute.execute(run_pk=run.pk, token=token)
    except (OSError, StoreAway) as problem:
        runner.conclude(runner.Held(run.pk, run.run_id, run.kind, token, 1), RunOutcome.of_exception(problem))
    run.refresh_from_db()
    return run


Ask = Callable[[User], tuple[TrainingRun, str]]


def stores(user: User) -> tuple[TrainingRun, str]:
    """A run that reads an upload, and where that lies."""
    upload = upload_create(user=user, files=[five("QQQ.csv")])
    return run_create(user=user, spec=StoreSpec(str(upload.pk))), "uploads"


def ensembles(user: User) -> tuple[TrainingRun, str]:
    """One that reads models of others."""
    runs = [carried({**BODY, "candle_date": candle(at), "confirm": False}, user=user) for at in (430, 450)]
    return run_create(user=user, spec=parse_ensemble({"run_ids": [run.run_id for run in runs]})), "on_demand_runs"


def backups(user: User) -> tuple[TrainingRun, str]:
    """One that copies all models."""
    carried({**BODY, "confirm": False}, user=user)
    return backup_start(user=user)[0], "on_demand_runs"


def claimed(run: TrainingRun) -> TrainingRun:
    """After a worker had it."""
    heartbeat.beat([os.getpid()])
    assert runner.claim_and_execute(run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.db_both
@pytest.mark.django_db
class TestRuns:
    @pytest.fixture
    def run(self, s3_settings: Bucket) -> TrainingRun:
        make_series()
        return carried(BODY)

    def test_the_same_run_on_disk_and_on_s3_is_one_model(self, run: TrainingRun, settings: Any, tmp_path: Path) -> None:
        model = run.model_version
        assert run.folder == model.folder and model.folder.startswith(f"{run_folder(run.run_id)}.")
        assert verify()["files"] == len(model.files)
        disk = {"BACKEND": "training.artifacts.storage.DiskStorage", "OPTIONS": {"location": str(tmp_path / "disk")}}
        settings.STORAGES = {**settings.STORAGES, "artifacts": disk}
        marker.renew()
        there = carried(BODY)
        assert isinstance(artifact_storage(), DiskStorage) and there.folder == run_folder(there.run_id)
        assert there.model_version.model_hash == model.model_hash

    def test_it_serves_and_gives_its_files_away(self, run: TrainingRun, alice: User, browser_of: BrowserOf) -> None:
        model = run.model_version
        assert stored_model(run.run_id) is stored_model(run.run_id)
        assert sha256(native_files(model)["model.txt"]) == model.model_hash
        answer = browser_of(alice).get(f"/runs/{run.run_id}/files/model.txt")
        assert sha256(b"".join(answer.streaming_content)) == model.model_hash

    def test_it_finds_what_is_missing_changed_and_orphaned(self, run: TrainingRun, s3_settings: Bucket) -> None:
        client, folder = s3_settings.client, f"models/{run.folder}"
        client.put_object(Bucket=s3_settings.name, Key=f"{folder}/model.txt", Body=b"x")
        client.delete_object(Bucket=s3_settings.name, Key=f"{folder}/manifest.json")
        artifact_storage().put(f"{run.folder}/stray", b"x")
        artifact_storage().put(f"{run_folder(run.run_id)}.loser/model.txt", b"x")
        found = verify()
        assert (found["changed"], found["missing"]) == ([f"{run.folder}/model.txt"], [f"{run.folder}/manifest.json"])
        assert found["orphaned"] == [f"{run_folder(run.run_id)}.loser", f"{run.folder}/stray"]
        assert sweep_orphans() == 1
        assert verify()["orphaned"] == [f"{run.folder}/stray"]

    def test_what_many_runs_take_is_asked_of_the_store(self, run: TrainingRun) -> None:
        sizes = artifact_storage().objects(f"{run.folder}/").values()
        assert bytes_of(TrainingRun.objects.all(), 1) == sum(each["Size"] for each in sizes) > 1000

    def test_a_deleted_run_takes_its_files_along(self, run: TrainingRun, s3_settings: Bucket) -> None:
        artifact_storage().put(f"{run_folder(run.run_id)}.loser/model.txt", b"x")
        artifact_storage().put(f"{run_folder(run.run_id)}x.other/model.txt", b"x")
        TrainingRun.objects.update(deleted_at=timezone.now() - timedelta(minutes=11))
        assert sweep_deleted(50) == 1
        assert s3_settings.keys() == [f"models/{run_folder(run.run_id)}x.other/model.txt"]

    def test_files_go_to_s3_and_back(self, settings: Any, s3_settings: Bucket, tmp_path: Path) -> None:
        on_s3, disk = settings.STORAGES, str(tmp_path / "disk")
        make_series()
        settings.STORAGES = {**on_s3, "artifacts": storage_settings(disk, tmp_path)}
        artifact_storage().write_marker(StoreMarker.objects.get().marker)
        first = carried(BODY)
        moved = moved_to(s3_settings.address)
        its_files = len(first.model_version.files)
        assert (moved["files"], moved["copied"]) == (its_files + 1, its_files), "the marker is there already"
        assert moved_to(s3_settings.address)["copied"] == 0
        settings.STORAGES = on_s3
        assert verify()["files"] == its_files
        assert stored_model(first.run_id)
        second = carried(BODY)
        assert moved_to(disk)["copied"] == len(second.model_version.files)
        settings.STORAGES = {**on_s3, "artifacts": storage_settings(disk, tmp_path)}
        assert (verify()["models"], verify()["orphaned"]) == (2, [])
        artifact_storage().discard_run(second.run_id)
        assert set(artifact_storage().folders().values()) == {first.run_id}
        (tmp_path / "disk" / first.folder / "model.txt").write_text("other")
        with pytest.raises(CommandError, match="has that file already"):
            moved_to(s3_settings.address)
        with pytest.raises(CommandError, match="where the files are already"):
            moved_to(disk)

    def test_a_site_without_its_store_says_so(
        self, run: TrainingRun, through_proxy: Proxy, carol: User, browser_of: BrowserOf
    ) -> None:
        staged, client = upload_create(user=carol, files=[five()]), browser_of(carol)
        client.raise_request_exception = False
        assert "artifacts" not in client.get("/readyz").json().get("missing", {})
        through_proxy.set("503")
        answer = client.get("/readyz")
        assert answer.status_code == 503 and "can't be reached, or is not" in answer.json()["missing"]["artifacts"]
        assert client.get("/healthz").status_code == 200
        upload = f"/data/{staged.pk}/"
        for address in (f"/runs/{run.run_id}/files/model.txt", upload):
            page = client.get(address)
            assert page.status_code == 503 and "The store of files can&#x27;t be used now" in page.text
        answer = client.get(f"/api/data/uploads/{staged.pk}")
        assert answer.status_code == 503 and answer.json() == {"detail": STORE_AWAY}
        with pytest.raises(CommandError, match=r"can't be reached \(status 503\)\. See that it runs"):
            call_command("verify_artifacts")


@pytest.mark.db_both
@pytest.mark.django_db(transaction=True)
class TestOutages:
    @pytest.fixture(autouse=True)
    def series(self, through_proxy: Proxy) -> None:
        make_series()

    @pytest.mark.parametrize("mode", ["cut", "503 SlowDown"])
    def test_a_run_waits_for_its_store(self, s3_settings: Bucket, proxy: Proxy, mode: str) -> None:
        proxy.set(mode)
        with ThreadPoolExecutor(1) as pool:
            back = pool.submit(lambda: (until(lambda: proxy.refused() > 2, what="refusals"), proxy.set("pass")))
            run = carried(BODY)
            back.result()
        assert run.status == Status.COMPLETED and len(s3_settings.keys()) == len(run.model_version.files)
        assert verify()["orphaned"] == []

    def test_a_slow_store_only_takes_longer(self, proxy: Proxy) -> None:
        proxy.set("slow 0.5")
        assert carried(BODY).status == Status.COMPLETED

    @pytest.mark.processes
    @pytest.mark.parametrize("ask", [stores, ensembles, backups])
    def test_what_a_run_reads_is_waited_for_without_losing_an_attempt(
        self, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, carol: User, ask: Ask
    ) -> None:
        monkeypatch.setattr(settings, "BACKUPS", tmp_path / "backups")
        run, folder = ask(carol)
        monkeypatch.setattr(execute, "STORE_AWAY_S", 1.0)
        monkeypatch.setattr(execute, "WRITE_EVERY_S", 0.0)
        proxy.set(f"503 SlowDown {folder}")
        for _ in range(leases.MAX_ATTEMPTS + 1):
            assert claimed(run).status == Status.QUEUED
        assert (run.attempt, run.error) == (0, "")
        assert run.message == "The artifact store was away; it begins again by itself once a worker can take it."
        texts = list(RunEvent.objects.filter(run=run).values_list("text", flat=True))
        assert texts[-1] == "The artifact store was away; back in the queue."
        proxy.set("pass")
        assert claimed(run).status == Status.COMPLETED and run.attempt == 1

    @pytest.mark.processes
    @pytest.mark.parametrize(
        ("ask", "harm", "why"),
        [
            (stores, "gone", "A file of the upload is missing in the artifact store. Upload"),
            (ensembles, "gone", "is missing. Restore a backup, or train it again."),
            (ensembles, "changed", "has changed since it was written. Train"),
            (ensembles, "archived", r"refuses what it is asked (InvalidObjectState, status 403)"),
        ],
    )
    def test_what_no_waiting_brings_back_fails_in_words(
        self, s3_settings: Bucket, carol: User, ask: Ask, harm: str, why: str
    ) -> None:
        run, folder = ask(carol)
        client, keys = s3_settings.client, s3_settings.keys()
        for key in (key for key in keys if folder in key):
            body = client.get_object(Bucket=s3_settings.name, Key=key)["Body"].read()
            client.delete_object(Bucket=s3_settings.name, Key=key)
            if harm == "changed":
                client.put_object(Bucket=s3_settings.name, Key=key, Body=body + b" ")
            if harm == "archived":
                client.put_object(Bucket=s3_settings.name, Key=key, Body=body, StorageClass="GLACIER")
        assert claimed(run).status == Status.FAILED
        assert run.error_reason == (Reason.STORE if harm == "archived" else Reason.INTEGRITY) and why in run.error

    @pytest.mark.parametrize(
        ("mode", "why"), [("403 InvalidAccessKeyId", "refuses the key"), ("503 SlowDown", "can't be reached")]
    )
    def test_a_run_whose_store_stays_away_fails_in_words(
        self, s3_settings: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, mode: str, why: str
    ) -> None:
        monkeypatch.setattr(execute, "STORE_AWAY_S", 1.0)
        monkeypatch.setattr(execute, "WRITE_EVERY_S", 0.0)
        proxy.set(mode)
        run = ended()
        waited = "waits for the artifact store, which can't be reached (status 503); it goes on by itself"
        assert run.message == (waited if "503" in mode else "")
        assert (run.status, run.error_reason) == (Status.FAILED, "store") and why in run.error
        assert not ModelVersion.objects.exists()
        proxy.set("pass")
        assert s3_settings.keys() == [] and sweep_orphans() == 0

    @pytest.mark.processes
    def test_killed_between_its_files_and_its_row_it_leaves_what_the_sweeper_takes(
        self, s3_settings: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(execute, "WRITE_EVERY_S", 600)  # no progress, for which it would wait as well
        run = run_create(user=None, spec=parse_candle_spec(BODY))
        token = leases.claim(run.pk, host="test", pid=os.getpid())
        assert token is not None
        writes, locked = get_context("fork").Event(), get_context("fork").Event()

        def hold(stage: str, _progress: float, _message: str) -> None:
            if stage == "write":
                writes.set()
                locked.wait()

        connections.close_all()
        child = Child.start(partial(execute.execute, run_pk=run.pk, token=token, tell=hold))
        until(writes.is_set, what="the end of the training")
        with transaction.atomic():
            TrainingRun.objects.select_for_update().get(pk=run.pk)
            locked.set()
            until(s3_settings.keys, what="a file")
            child.kill()
        assert leases.requeue(run.pk, token, "Killed")
        assert sweep_orphans() == 0, "its run may still be at work"
        again = leases.claim(run.pk, host="test", pid=os.getpid())
        assert again is not None
        execute.execute(run_pk=run.pk, token=again)
        run.refresh_from_db()
        assert run.status == Status.COMPLETED and ModelVersion.objects.count() == 1
        assert sweep_orphans() == 1
        assert len(s3_settings.keys()) == len(run.model_version.files) and verify()["orphaned"] == []

    @pytest.mark.processes
    def test_what_one_host_trains_another_serves_and_outlives_it(self, s3_settings: Bucket, tmp_path: Path) -> None:
        """This process is the other host."""
        hosts = [{**environment(), "BOURSOMATIC_HOME": str(tmp_path / name), "BOURSOMATIC_DEMO": "0",
                  "BOURSOMATIC_ARTIFACTS": s3_settings.address} for name in ("a", "b")]  # fmt: skip
        answer = manage(hosts[0], "train_poc", "--symbol", "SPY", "--selected_candle_date", BODY["candle_date"],
                        "--train_years", "1", "--no_confirm", "--output_dir", str(tmp_path / "copy"))  # fmt: skip
        run = TrainingRun.objects.get(run_id=answer["run_id"])
        shutil.rmtree(tmp_path / "a")
        assert stored_model(run.run_id)
        assert native_files(run.model_version)["model.txt"] == (tmp_path / "copy" / "model.txt").read_bytes()
        assert (manage(hosts[1], "verify_artifacts")["models"], verify()["missing"]) == (1, [])

    @pytest.mark.processes
    def test_workers_do_not_start_on_a_store_that_will_not_do(self, s3_settings: Bucket, proxy: Proxy) -> None:
        proxy.set("unconditional")
        here = {**environment(), "BOURSOMATIC_ARTIFACTS": s3_settings.through(proxy.port)}
        command = [sys.executable, "manage.py", "worker"]
        done = subprocess.run(command, cwd=ROOT, env=here, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "doesn't know conditional writes" in done.stderr

"""A backup of a site whose files of models are on S3, brought back to a folder and to S3."""

from dataclasses import replace
from pathlib import Path

import pytest

from boursomatic.backup.artifacts import RUNS
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.generations import LOCK
from boursomatic.backup.make import Site, backup_make
from boursomatic.backup.manifest import check_files, read_manifest
from boursomatic.backup.restore import SqliteTarget
from boursomatic.shared.stores import StoreUnreachable
from tests.backup.small import small_site
from tests.backup.test_restore import brought
from tests.s3 import Bucket, Proxy
from training.artifacts.s3 import S3Storage

MODEL = f"{RUNS}/one/model.txt"


def storage_of(address: str, tmp_path: Path) -> S3Storage:
    return S3Storage(address, str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def site(bucket: Bucket, tmp_path: Path) -> Site:
    storage = storage_of(bucket.address, tmp_path)
    storage.put(MODEL, b"trees")
    storage.put(f"{RUNS}/unheard.0/model.txt", b"of a run that the database doesn't know")
    return replace(small_site(tmp_path / "lost"), artifacts=storage.for_backups())


def test_it_downloads_what_is_new_and_shares_the_rest(site: Site, place: Path, bucket: Bucket) -> None:
    first, second = backup_make(site, place), backup_make(site, place)
    assert (first.linked, second.linked) == (0, 1)
    check_files(second.folder, read_manifest(second.folder))
    assert set(second.manifest.artifacts) == {MODEL}
    copies = [each.folder / "artifacts" / MODEL for each in (first, second)]
    assert copies[0].stat().st_ino == copies[1].stat().st_ino and copies[0].read_bytes() == b"trees"
    assert copies[0].stat().st_mode & 0o777 == 0o600
    bucket.client.put_object(Bucket=bucket.name, Key=f"models/{MODEL}", Body=b"trunk")
    with pytest.raises(BackupRefused, match=rf"s3://{bucket.name}/models/{MODEL} is missing or was changed"):
        backup_make(site, place)


def test_it_comes_back_to_a_folder_and_to_s3(site: Site, place: Path, bucket: Bucket, tmp_path: Path) -> None:
    folder, home = backup_make(site, place).folder, tmp_path / "home"
    brought(folder, SqliteTarget(home))
    assert (home / "artifacts" / MODEL).read_bytes() == b"trees"
    manifest, there = read_manifest(folder), storage_of(bucket.address.replace("/models", "/other"), tmp_path)
    artifacts = there.for_backups()
    for _ in range(2):  # the second goes on where a killed one ended
        artifacts.require_own(manifest)
        artifacts.place(folder / "artifacts", manifest)
    assert there.open(MODEL).read() == b"trees"
    there.put("uploads/x/0", b"x")
    with pytest.raises(BackupRefused, match="isn't empty: it holds uploads/x/0"):
        artifacts.require_own(manifest)


def test_it_says_that_the_store_is_away_and_leaves_nothing(
    site: Site, place: Path, bucket: Bucket, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.set("503")
    site = replace(site, artifacts=storage_of(bucket.through(proxy.port), tmp_path).for_backups())
    with pytest.raises(StoreUnreachable, match=r"can't be reached \(status 503\)\. See that it runs, then try again"):
        backup_make(site, place)
    assert [path.name for path in place.iterdir()] == [LOCK]

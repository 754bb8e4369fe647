"""Files of models on S3: objects under a prefix for each attempt, which the transaction that ends the run names.

Nothing is renamed and nothing written twice: each object is put on condition that there is none, with its SHA-256. What
an attempt that lost its run has written belongs to nobody, and the sweeper takes it. Needs requirements-s3.txt.
"""

import base64
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, IncompleteReadError
from django.core.files.base import File

from boursomatic.backup.artifacts import MARKER, RUNS, Artifacts
from boursomatic.shared.stores import S3Address, StoreFailed, StoreUnreachable
from boursomatic.shared.whole_file import whole_file
from instruments.store.packs import remove_oldest
from training.artifacts.s3_backup import S3Artifacts
from training.artifacts.storage import ArtifactStorage, run_folder, run_of, sha256, side_by_side

PROBE = ".conditional-write"  # an object of nothing that is there, so that a conditional write must be refused
CACHE_BYTES = 2**30
PAUSES_S = (0.5, 1.0, 2.0, 5.0)  # between attempts of who has patience
_CHECKSUMS = "when_required"  # we give SHA-256 ourselves; not every service knows what boto3 adds
_QUICK = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
_PATIENT = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1})
_KEY_REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403", "Forbidden")
_AWAY = (HTTPClientError, ConnectionError, IncompleteReadError)
_BUSY = ("SlowDown", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict")
_NOT_THERE = ("NoSuchKey", "404", "NotFound")
_making = threading.Lock()  # a session of boto3 makes one client at a time, and each takes a moment
T = TypeVar("T")


class S3Storage(ArtifactStorage):
    def __init__(self, address: str, cache: str) -> None:
        self.address, self._cache = S3Address.parse(address), Path(cache)
        self._patience_s = 0.0
        self._told: Callable[[str], None] | None = None
        self._is_conditional = False  # known to be

    # Django's storage API

    def exists(self, name: str) -> bool:
        try:
            self._ask("head_object", Key=self.address.key(name))
        except FileNotFoundError:
            return False
        return True

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        start = self.address.key(f"{path}/")
        pages = self._pages(Prefix=start, Delimiter="/")
        folders = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        files = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return [key[len(start) : -1] for key in folders], [key[len(start) :] for key in files]

    def delete(self, name: str) -> None:
        self._ask("delete_object", Key=self.address.key(name))

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return File(BytesIO(self._content(name)), name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        content.seek(0)
        self.put(name, content.read())
        return name

    # what runs leave

    @contextmanager
    def staged(self, run_id: str, files: Mapping[str, bytes]) -> Iterator["Attempt"]:
        attempt = Attempt(f"{run_folder(run_id)}.{uuid4().hex[:12]}")
        try:
            side_by_side(lambda name: self.put(f"{attempt.folder}/{name}", files[name]), list(files))
            yield attempt
        finally:
            if not attempt.is_published:
                with suppress(StoreFailed), self.patience(0):  # then the sweeper takes it
                    self.discard(attempt.folder)

    def discard(self, path: str) -> None:
        key = self.address.key(path)
        self._delete([*self._keys(f"{key}/"), key])

    def discard_run(self, run_id: str) -> None:
        start = self.address.key(run_folder(run_id))
        self._delete([key for key in self._keys(start) if key.startswith((f"{start}/", f"{start}."))])

    def folders(self) -> dict[str, str]:
        return {f"{RUNS}/{name}": run_of(name) for name in self.listdir(RUNS)[0]}

    def bytes_in(self, folders: Sequence[str]) -> int:
        listed = side_by_side(lambda folder: self.objects(f"{folder}/"), folders)
        return sum(each["Size"] for objects in listed for each in objects.values())

    def read(self, path: str, digest: str) -> bytes:
        copy = self._cache / digest
        with suppress(OSError):
            content = copy.read_bytes()
            if sha256(content) == digest:
                os.utime(copy)  # what was not used for longest goes first
                return content
        content = self._content(path)
        if sha256(content) == digest:
            with suppress(OSError):  # no room: it is asked for again
                with whole_file(copy, flushed=False) as file:
                    file.write(content)
                remove_oldest(self._cache, CACHE_BYTES)
        return content

    def marks(self, paths: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """None: an object is written once, and what was parsed had the hash that the database has."""
        return ()

    def paths(self) -> Iterator[str]:
        return (path for path in self.objects("") if path != PROBE)

    def put(self, path: str, content: bytes) -> bool:
        """Asked again after an answer that was lost, the store refuses what it has taken itself."""
        key, mark = self.address.key(path), base64.b64encode(hashlib.sha256(content).digest()).decode()
        try:
            self._ask("put_object", Key=key, Body=content, IfNoneMatch="*", ChecksumSHA256=mark)
        except FileExistsError:
            if self.digest(path) != sha256(content):
                raise
            return False
        return True

    def name_of(self, path: str) -> str:
        return f"s3://{self.address.bucket}/{self.address.key(path)}"

    def marker(self) -> str:
        try:
            return self._content(MARKER).decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def write_marker(self, marker: str) -> None:
        """The only object that is ever written over."""
        self._ask("put_object", Key=self.address.key(MARKER), Body=f"{marker}\n".encode())

    def for_backups(self) -> Artifacts:
        return S3Artifacts(self)

    def check(self) -> None:
        """The second conditional write of the same object has to be refused."""
        key = self.address.key(PROBE)
        if self._is_conditional:
            with suppress(FileNotFoundError):  # somebody has emptied it
                self._ask("head_object", Key=key)
                return
        for _ in range(2):
            try:
                self._ask("put_object", Key=key, Body=b"", IfNoneMatch="*")
            except FileExistsError:
                self._is_conditional = True
                return
        raise self._unfit()

    @contextmanager
    def patience(self, seconds: float, told: Callable[[str], None] | None = None) -> Iterator[None]:
        before = self._patience_s, self._told
        self._patience_s, self._told = seconds, told
        try:
            yield
        finally:
            self._patience_s, self._told = before

    def objects(self, start: str) -> dict[str, dict[str, Any]]:
        """Path -> size, time and so on of each object whose path begins so, in order."""
        skipped = len(self.address.key(""))
        pages = self._pages(Prefix=self.address.key(start))
        return {each["Key"][skipped:]: each for page in pages for each in page.get("Contents", ())}

    def digest(self, path: str) -> str:
        """SHA-256 of an object, as the store keeps it; of one that others put there, as it is."""
        known = self._ask("head_object", Key=self.address.key(path), ChecksumMode="ENABLED").get("ChecksumSHA256")
        return base64.b64decode(known).hex() if known else sha256(self._content(path))

    # how the store is asked

    def _content(self, path: str) -> bytes:
        def call() -> bytes:  # read inside: the connection may break on the way
            content: bytes = self._call("get_object", Key=self.address.key(path))["Body"].read()
            return content

        return self._patiently(call)

    def _keys(self, start: str) -> list[str]:
        return [each["Key"] for page in self._pages(Prefix=start) for each in page.get("Contents", ())]

    def _delete(self, keys: Sequence[str]) -> None:
        side_by_side(lambda key: self._ask("delete_object", Key=key), keys)

    def _pages(self, **options: str) -> list[dict[str, Any]]:
        pages = [self._ask("list_objects_v2", **options)]
        while pages[-1].get("IsTruncated"):
            token = pages[-1]["NextContinuationToken"]
            pages.append(self._ask("list_objects_v2", ContinuationToken=token, **options))
        return pages

    def _ask(self, operation: str, **arguments: Any) -> Any:
        return self._patiently(lambda: self._call(operation, **arguments))

    def _call(self, operation: str, **arguments: Any) -> Any:
        with _making:
            client = _client(os.getpid(), self.address.endpoint, is_patient=self._patience_s > 0)
        return getattr(client, operation)(Bucket=self.address.bucket, **arguments)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Raises FileNotFoundError, FileExistsError, StoreFailed."""
        deadline, attempt = time.monotonic() + self._patience_s, 0
        while True:
            try:
                return call()
            except (ClientError, BotoCoreError) as problem:
                pause, may_pass = PAUSES_S[min(attempt, len(PAUSES_S) - 1)], _may_pass(problem)
                if may_pass and self._told:
                    self._told(_why_away(problem))
                if not may_pass or time.monotonic() + pause > deadline:
                    raise self._failure(problem) from problem
            time.sleep(pause)
            attempt += 1

    def _unfit(self) -> StoreFailed:
        return StoreFailed(
            f"The store of files {self.address} doesn't know conditional writes (If-None-Match): of two workers that "
            "write the same, both would succeed. Name one that does in BOURSOMATIC_ARTIFACTS."
        )

    def _failure(self, problem: ClientError | BotoCoreError) -> OSError:
        code, status = _answer(problem)
        if status == 412:
            return FileExistsError(f"{self.address} has that file already.")
        if code in _NOT_THERE:
            return FileNotFoundError(f"{self.address} has no such file.")
        if status == 501:
            return self._unfit()
        return (StoreUnreachable if _may_pass(problem) else StoreFailed)(self._sentence(problem))

    def _sentence(self, problem: ClientError | BotoCoreError) -> str:
        (code, status), store = _answer(problem), f"The store of files {self.address}"
        if not isinstance(problem, (ClientError, *_AWAY)):
            why = type(problem).__name__
            return f"There is no key for {self.address} ({why}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        if code in _KEY_REFUSED:
            return f"{store} refuses the key ({code}). Mend AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        if code == "NoSuchBucket":
            return f"{store} has no such bucket. Make it, or name another in BOURSOMATIC_ARTIFACTS."
        if not _may_pass(problem):
            refused = f"{store} refuses what it is asked ({code}, status {status})"
            return f"{refused}. Mend the rules of its bucket, or BOURSOMATIC_ARTIFACTS."
        return f"{store} can't be reached ({_why_away(problem)}). See that it runs, then try again."


class Attempt:
    """The folder of one attempt at a run: nobody knows it before the run's row names it."""

    def __init__(self, folder: str) -> None:
        self.folder, self.is_published = folder, False

    def publish(self) -> None:
        """From here on its files stay: whether the row was written, only the database knows."""
        self.is_published = True


def _answer(problem: ClientError | BotoCoreError) -> tuple[str, int]:
    """The store's code and HTTP status; nothing where it gave no answer."""
    if not isinstance(problem, ClientError):
        return "", 0
    answer: Any = problem.response
    return answer.get("Error", {}).get("Code", ""), answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _why_away(problem: ClientError | BotoCoreError) -> str:
    status = _answer(problem)[1]
    return f"status {status}" if status else type(problem).__name__


def _may_pass(problem: ClientError | BotoCoreError) -> bool:
    code, status = _answer(problem)
    return isinstance(problem, _AWAY) or code in _BUSY or status in (429, 500, 502, 503, 504)


@cache
def _client(pid: int, endpoint: str, *, is_patient: bool) -> Any:
    """A client of this process: connections must not be shared over a fork."""
    own = Config(
        s3={"addressing_style": "path"} if endpoint else {},
        request_checksum_calculation=_CHECKSUMS,
        response_checksum_validation=_CHECKSUMS,
        max_pool_connections=16,
    )
    config = own.merge(_PATIENT if is_patient else _QUICK)
    return _session().client("s3", endpoint_url=endpoint or None, config=config)


@cache
def _session() -> boto3.session.Session:
    """What forked processes inherit: reading what boto3 knows of S3 takes a quarter of a second."""
    return boto3.session.Session()

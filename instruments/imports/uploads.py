"""Uploads: files staged, read by a process of their own, held against what is stored; forgotten after an hour."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Person
from boursomatic.env import ROOT
from instruments.imports.reader import WALL_S, refused
from instruments.imports.reading import Matrix, bars_of
from instruments.imports.schema import Clash, Preview, ReadingOptions, StagedReading, SymbolReport, UploadReport
from instruments.imports.staging import Staging, arguments
from instruments.models import ReadingSettings, Series, Upload
from instruments.quant.ingest.rows import LISTED
from instruments.store.write_bars import compare_bars

MOST_FILES, FILE_BYTES, UPLOAD_BYTES = 20, 50_000_000, 200_000_000
KEPT = timedelta(hours=1)
KEPT_FOR_RUN = timedelta(days=1)  # a run that stores them may have to wait
ANSWER_S = 8.0  # that a request waits for the reading; it answers within 10
MOST_READINGS = 4  # at once, by all members
_AT_ONCE = 20  # forgotten in one round of housekeeping
_NAME = 200  # bytes of a file's name: disks allow 255
_UNREAD = "Reading was ended before this file's turn. Upload it again."


class UploadRefused(Exception):
    """What was sent is too much or nothing; the text says what would do. `code` as HTTP has it."""

    def __init__(self, text: str, code: int) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class UploadFindings:
    """What reading an upload has found; `report` is None while it is being read."""

    columns: dict[str, str]
    previews: list[Preview]
    report: UploadReport | None
    clashes: list[Clash]


def upload_create(*, user: Person, files: Sequence["UploadedFile[Any]"]) -> Upload:
    """Files staged, not yet read. Raises UploadRefused."""
    _require_sizes(files)
    _require_turn()
    names = [_name(file) for file in files]
    upload = Upload(
        user=user if isinstance(user, User) else None,
        expires_at=timezone.now() + KEPT,
        files=[{"name": name, "bytes": file.size} for name, file in zip(names, files, strict=True)],
    )
    staging = Staging(str(upload.pk))
    try:
        for number, file in enumerate(files):
            staging.put(number, file)
        upload.save()
    except BaseException:
        staging.discard()
        raise
    audit(user, "upload.create", str(upload.pk), files=names)
    return upload


def upload_read(*, upload: Upload, options: ReadingOptions, wait_s: float = ANSWER_S) -> bool:
    """Starts the process that reads the files, and waits for it so long. Whether it has ended."""
    upload.options, upload.read_from = msgspec.to_builtins(options), timezone.now()
    upload.readings += 1
    upload.save(update_fields=["options", "readings", "read_from"])
    process = reading_start(upload)
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def reading_start(upload: Upload) -> "subprocess.Popen[bytes]":
    """The process that reads; it ends by itself, since each file has its time, and leaves what it found in the staging.

    No parent-death signal: it would follow the thread of the web server that starts it.
    """
    names = [file["name"] for file in upload.files]
    told = arguments(str(upload.pk), upload.readings, names, upload.options)
    return subprocess.Popen(
        [sys.executable, "-m", "instruments.imports.reader", told],
        cwd=ROOT,
        # Its limit is one of address space: threads would take some, and Arrow's own allocator 1 GB at its first use.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def upload_find(upload_id: UUID) -> Upload | None:
    """The upload, unless it is gone or due to go."""
    return Upload.objects.filter(pk=upload_id, expires_at__gt=timezone.now()).first()


def upload_findings(upload: Upload, *, is_over: bool = False) -> UploadFindings:
    """What was read, held against what is stored now. `is_over`: the reading process is known to have ended."""
    staging, options = Staging(str(upload.pk)), msgspec.convert(upload.options, ReadingOptions)
    if not (is_over or _has_ended(upload, staging)):
        return UploadFindings({}, [], None, [])
    staged = [
        staging.get_reading(upload.readings, number) or refused(file["name"], _UNREAD)
        for number, file in enumerate(upload.files)
    ]
    symbols, clashes = list[SymbolReport](), Counter[tuple[str, str, str]]()
    for number, file in enumerate(staged):
        if file.spans:
            matrix = staging.get_bars(upload.readings, number)
            for symbol, sources in _compared(file, matrix, options.source or file.reading.file):
                symbols.append(symbol)
                clashes += Counter({(symbol.symbol, symbol.timeframe, name): sources[name] for name in sources})
    told = [Clash(symbol, timeframe, bars, source) for (symbol, timeframe, source), bars in clashes.items()]
    return UploadFindings(_columns(staged), [file.preview for file in staged], _report(staged, symbols), told)


def upload_columns(upload: Upload) -> tuple[dict[str, str], list[str]]:
    """Field -> column as recognised or chosen, and the names of all columns, of the files that have been read."""
    staging = Staging(str(upload.pk))
    read = [staging.get_reading(upload.readings, number) for number in range(len(upload.files))]
    staged = [file for file in read if file]
    return _columns(staged), list(dict.fromkeys(name for file in staged for name in file.preview.header))


def reading_settings_keep(*, name: str, options: ReadingOptions, user: Person) -> None:
    """Under this name from now on; the symbol is the files' own."""
    kept = {**msgspec.to_builtins(options), "symbol": ""}
    person = user if isinstance(user, User) else None
    ReadingSettings.objects.update_or_create(name=name, defaults={"options": kept, "user": person})
    audit(user, "reading_settings.keep", name)


def reading_settings_forget(*, name: str, user: Person) -> None:
    """Harmless where there are none of this name."""
    if ReadingSettings.objects.filter(name=name).delete()[0]:
        audit(user, "reading_settings.forget", name)


def reading_settings_get(name: str) -> ReadingOptions:
    """Those of an upload for which nothing is known where there are none of this name."""
    row = ReadingSettings.objects.filter(name=name).first()
    return msgspec.convert(row.options, ReadingOptions) if row else ReadingOptions()


def upload_paths(upload: Upload) -> Iterator[Path]:
    """The staged files on this host's disk, one at a time, under the names that they were uploaded by."""
    staging = Staging(str(upload.pk))
    for number, file in enumerate(upload.files):
        with staging.copy(number, file["name"]) as path:
            yield path


def upload_hold(*, upload: Upload) -> None:
    """For a run that is to store it and may have to wait."""
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() + KEPT_FOR_RUN)


def upload_let_go(*, upload: Upload) -> None:
    """Its run has ended; it may be stored once more meanwhile."""
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() + KEPT)


def uploads_expire() -> None:
    """Forgets uploads whose time is over: their files first, so that none is left behind without a row."""
    for upload in Upload.objects.filter(expires_at__lte=timezone.now())[:_AT_ONCE]:
        Staging(str(upload.pk)).discard()
        upload.delete()


def _require_sizes(files: Sequence["UploadedFile[Any]"]) -> None:
    if not files:
        raise UploadRefused("Choose files: CSV, CSV.gz or Parquet.", 400)
    if len(files) > MOST_FILES:
        raise UploadRefused(f"{len(files)} files at once; {MOST_FILES} are the most. Send the others after these.", 400)
    for file in files:
        if (file.size or 0) > FILE_BYTES:
            raise UploadRefused(f"{_name(file)} is larger than {FILE_BYTES // 10**6} MB. Compress or split it.", 413)
    if sum(file.size or 0 for file in files) > UPLOAD_BYTES:
        raise UploadRefused(f"The files are larger than {UPLOAD_BYTES // 10**6} MB in all. Send fewer at once.", 413)


def _require_turn() -> None:
    recent = Upload.objects.filter(read_from__gt=timezone.now() - timedelta(seconds=WALL_S * MOST_FILES))
    if sum(not _has_ended(upload, Staging(str(upload.pk))) for upload in recent) >= MOST_READINGS:
        raise UploadRefused(f"{MOST_READINGS} uploads are being read. Try again in a minute.", 429)


def _has_ended(upload: Upload, staging: Staging) -> bool:
    """Also of a process that can't live any more: killed, or gone with its host."""
    longest = timedelta(seconds=(WALL_S + 2) * len(upload.files) + 30)
    is_late = upload.read_from is not None and upload.read_from + longest < timezone.now()
    return is_late or staging.has_ended(upload.readings)


def _name(file: "UploadedFile[Any]") -> str:
    """Of what the browser says, what can be a file's name here too, with its ending."""
    name = "".join(sign for sign in file.name or "" if sign.isprintable() and sign != "/")
    return name.encode()[-_NAME:].decode(errors="ignore").strip(". ") or "file"


def _columns(staged: list[StagedReading]) -> dict[str, str]:
    """Of the first file that has each."""
    return {field: name for file in reversed(staged) for field, name in file.reading.columns.items()}


def _compared(staged: StagedReading, matrix: Matrix, source: str) -> Iterator[tuple[SymbolReport, dict[str, int]]]:
    """Each symbol of a file: what storing it would change, and whose bars it would rewrite."""
    timeframe = staged.reading.timeframe
    rows = Series.objects.filter(
        timeframe=timeframe, rows__gt=0, instrument__symbol__in=[s.symbol for s in staged.spans]
    )
    stored = {series.instrument.symbol: series for series in rows.select_related("instrument")}
    for span, bars in bars_of(staged.spans, matrix):
        inserted, updated, clashing, sources = span.rows, 0, 0, dict[str, int]()
        if span.symbol in stored:
            comparison = compare_bars(stored[span.symbol], bars, source[:60])
            inserted, updated, clashing = (
                int(rows.sum()) for rows in (comparison.fresh, comparison.changed, comparison.clashing)
            )
            sources = comparison.sources
        unchanged = span.rows - inserted - updated - clashing
        report = SymbolReport(
            **msgspec.structs.asdict(span),
            file=staged.reading.file,
            timeframe=timeframe,
            inserted=inserted,
            updated=updated,
            unchanged=unchanged,
            clashing=clashing,
        )
        yield report, sources


def _report(staged: list[StagedReading], symbols: list[SymbolReport]) -> UploadReport:
    problems = [problem for file in staged for problem in file.problems][:LISTED]
    readings = [file.reading for file in staged]
    return UploadReport(
        files=readings,
        symbols=symbols,
        problems=problems,
        problems_omitted=sum(file.bad for file in staged) - len(problems),
        read=sum(reading.read for reading in readings),
        inserted=sum(symbol.inserted for symbol in symbols),
        updated=sum(symbol.updated for symbol in symbols),
        unchanged=sum(symbol.unchanged for symbol in symbols),
        clashing=sum(symbol.clashing for symbol in symbols),
        rejected=sum(reading.rejected for reading in readings),
        duplicates=sum(reading.duplicates for reading in readings),
    )

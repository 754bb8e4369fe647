"""Files of uploads in the artifact storage, and beside them what reading them has found. No tables: the process that
reads has no database."""

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages

from instruments.imports.reading import Matrix, matrix_of
from instruments.imports.schema import StagedReading
from instruments.quant.bars import Bars

FOLDER = "uploads"


class Staging:
    """The folder of one upload. Its files are numbered from 0; `reading` counts how often they were read."""

    def __init__(self, upload_id: str) -> None:
        self.storage = storages["artifacts"]
        self.folder = f"{FOLDER}/{upload_id}"

    def put(self, number: int, file: "File[Any]") -> None:
        self.storage.save(f"{self.folder}/{number}", file)

    @contextmanager
    def copy(self, number: int, name: str) -> Iterator[Path]:
        """The file on this host's disk under the name that it was uploaded by."""
        with TemporaryDirectory(prefix="upload-") as folder, self.storage.open(f"{self.folder}/{number}") as staged:
            path = Path(folder) / name
            with path.open("wb") as local:
                shutil.copyfileobj(staged, local)
            yield path

    def put_reading(self, reading: int, number: int, staged: StagedReading, bars: dict[str, Bars]) -> None:
        array = io.BytesIO()
        np.save(array, matrix_of(bars))
        self._put(f"{reading}.{number}.npy", array.getvalue())
        self._put(f"{reading}.{number}.json", msgspec.json.encode(staged))

    def end_reading(self, reading: int) -> None:
        """All that there will be of it is there."""
        self._put(f"{reading}.end", b"")

    def has_ended(self, reading: int) -> bool:
        return self.storage.exists(f"{self.folder}/{reading}.end")

    def get_reading(self, reading: int, number: int) -> StagedReading | None:
        """None where its process was ended before it had read this file."""
        try:
            with self.storage.open(f"{self.folder}/{reading}.{number}.json") as file:
                return msgspec.json.decode(file.read(), type=StagedReading)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def get_bars(self, reading: int, number: int) -> Matrix:
        with self.storage.open(f"{self.folder}/{reading}.{number}.npy") as file:
            matrix: Matrix = np.load(io.BytesIO(file.read()))
        return matrix

    def discard(self) -> None:
        """Harmless where it is gone."""
        try:
            _, names = self.storage.listdir(self.folder)
        except FileNotFoundError:
            return
        for name in names:
            self.storage.delete(f"{self.folder}/{name}")
        self.storage.delete(self.folder)

    def _put(self, name: str, content: bytes) -> None:
        self.storage.save(f"{self.folder}/{name}", ContentFile(content))


def arguments(upload_id: str, reading: int, names: list[str], options: object) -> str:
    """What the reading process is started with, as one text."""
    return json.dumps([upload_id, reading, names, msgspec.to_builtins(options)])

"""Results as release 0.1.0 stored them are read by the records of today, to the last key."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from boursomatic.shared.records import Stored, to_json
from training.recipes.candle.schema import CandleResult
from training.recipes.confirmation.schema import ConfirmationResult
from training.recipes.noise_control.schema import NoiseControlResult
from training.recipes.universe.schema import UniverseResult
from training.recipes.verification.schema import VerificationResult
from training.recipes.walk_forward.schema import FoldResult, WalkResult

DUMP = Path(__file__).with_name("sqlite.sql.gz")
RECORDS: dict[str, type[Stored]] = {
    "candle": CandleResult,
    "confirmation": ConfirmationResult,
    "control": NoiseControlResult,
    "verification": VerificationResult,
    "universe": UniverseResult,
    "walk": WalkResult,
    "fold": FoldResult,
}


@pytest.fixture(scope="module")
def stored() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Kind and result of every run that has one."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(gzip.decompress(DUMP.read_bytes()).decode())
        rows = database.execute("SELECT kind, result FROM training_trainingrun WHERE result != '{}' ORDER BY id")
        yield [(kind, json.loads(result)) for kind, result in rows]


@pytest.mark.parametrize("kind", RECORDS)
def test_it_reads_every_stored_result(stored: list[tuple[str, dict[str, Any]]], kind: str) -> None:
    results = [result for of, result in stored if of == kind]
    assert results
    for result in results:
        read = RECORDS[kind].read(result)
        again = json.loads(json.dumps(to_json(read)))
        assert read.format == again.pop("format") == 1
        assert _as_stored(again, result) == result


def _as_stored(read: Any, stored: Any) -> Any:
    """What was read, without keys that came later, however deep."""
    if isinstance(stored, dict):
        return {name: _as_stored(read[name], value) for name, value in stored.items()}
    if isinstance(stored, list):
        return [_as_stored(*pair) for pair in zip(read, stored, strict=True)]
    return read


def test_it_knows_the_record_of_every_kind(stored: list[tuple[str, dict[str, Any]]]) -> None:
    assert {kind for kind, _ in stored} == set(RECORDS)

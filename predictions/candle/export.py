"""A run's folder as a zip, and a model's predictions as files for a spreadsheet or a notebook."""

import io
import zipfile
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from boursomatic.shared.csv import csv_text
from predictions.candle.answers import rows_answer
from predictions.candle.ask import CandlePredictions
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion

COLUMNS = ("symbol", "timestamp", "probability", "prediction", "confidence", "sample", "target", "out_of_range",
           "distance")  # fmt: skip


def folder_zip(version: ModelVersion, more: Mapping[str, bytes]) -> bytes:
    """Every file of the run, and `more`, in a folder of its name. Raises FileNotFoundError where one is missing."""
    storage, out = artifact_storage(), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in version.files:
            with storage.open(f"{version.folder}/{name}") as file:
                archive.writestr(f"{version.run.run_id}/{name}", file.read())
        for name, content in more.items():
            archive.writestr(f"{version.run.run_id}/{name}", content)
    return out.getvalue()


def predictions_csv(predicted: CandlePredictions, threshold: float) -> bytes:
    return csv_text([COLUMNS, *_rows(predicted, threshold)]).encode()


def predictions_parquet(predicted: CandlePredictions, threshold: float) -> bytes:
    out = io.BytesIO()
    columns = list(zip(*_rows(predicted, threshold), strict=True)) or [()] * len(COLUMNS)
    pq.write_table(pa.table(dict(zip(COLUMNS, map(list, columns), strict=True))), out)
    return out.getvalue()


def _rows(predicted: CandlePredictions, threshold: float) -> Iterator[list[object]]:
    answer = rows_answer(predicted, threshold)
    for row in answer["predictions"]:
        yield [answer["symbol"], *(row[name] for name in COLUMNS[1:])]

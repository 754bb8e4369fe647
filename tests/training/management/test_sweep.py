"""The command `sweep`: everything in its own process, its JSON to the letter, its refusals in words."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.market import candle, make_series
from training.models import ACTIVE, TrainingRun
from training.quant.candle.spec import CandleSpec
from training.quant.search import train_cell as cell_work
from training.quant.search.train_cell import CellArrays, train_cell
from training.recipes.sweep import spec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]
SHORT = ("--symbol", "SPY", "--test_window_size", "20", "--protocol", "steady")


def swept(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("sweep", *SHORT, "--json", *arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_it_answers_cells_rows_and_claim() -> None:
    make_series(bars=600)
    answer = swept("--from", candle(300), "--to", candle(400), "--every", "40", "--train-years", "0.5", "1")
    assert set(answer) >= {"sweep_id", "status", "cells", "rows", "claim", "sentence"}
    assert set(answer["cells"]) >= {"candle", "train_years", "params", "auc", "rows", "status"}
    assert {len(column) for column in answer["cells"].values()} == {6}
    assert [row["train_years"] for row in answer["rows"]] == [0.5, 1.0]
    assert set(answer["rows"][0]) >= {"train_years", "params", "auc", "auc_interval", "candles"}
    assert set(answer["claim"]) >= {"p_value", "row", "label", "level", "trial"}
    assert answer["status"] == "completed" and answer["cells"]["rows"] == [20] * 6
    assert not TrainingRun.objects.filter(status__in=ACTIVE).exists()


def test_it_takes_parameter_sets_from_a_file(tmp_path: Path) -> None:
    make_series(bars=600)
    file = tmp_path / "sets.json"
    file.write_text('[{"num_leaves": 15}, {"num_leaves": 63, "lambda_l2": 5}]')
    out = io.StringIO()
    arguments = ("--candles", candle(300), candle(340), "--train-years", "1", "--params-file", str(file))
    call_command("sweep", "--symbol", "SPY", *arguments, stdout=out, stderr=io.StringIO())
    assert "1 year, leaves 15, l2 penalty –" in out.getvalue() and "2 candles" in out.getvalue()
    file.write_text("{")
    with pytest.raises(CommandError, match="can't be read as JSON"):
        swept(*arguments)
    file.write_text('{"leaves": 3}')
    with pytest.raises(CommandError, match="must hold"):
        swept(*arguments)


def test_a_chunk_that_failed_leaves_its_cells_out_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(cell: CandleSpec, arrays: CellArrays) -> bytes:
        if cell.candle == candle(300):
            raise MemoryError
        return train_cell(cell, arrays)

    make_series(bars=600)
    monkeypatch.setattr(spec, "CHUNK_S", 0.01)
    monkeypatch.setattr(cell_work, "train_cell", breaks)
    answer = swept("--candles", candle(300), candle(340), candle(380), candle(420), "--train-years", "1")
    assert answer["cells"]["status"] == ["failed", "completed", "completed", "completed"]


def test_it_refuses_in_words() -> None:
    make_series(bars=600)
    with pytest.raises(CommandError, match="jobs: Must be a whole number from 1 to 64"):
        swept("--candles", candle(300), "--jobs", "0")
    with pytest.raises(CommandError, match="candles: Required"):
        swept()
    with pytest.raises(CommandError, match="no candle"):
        swept("--candles", "2019-01-05")
    with pytest.raises(CommandError, match="No cell could be trained"):
        swept("--candles", candle(20))

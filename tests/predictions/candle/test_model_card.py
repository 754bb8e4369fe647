"""A model's card, and what can be taken away from it."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User

from predictions.candle.model_card import SNIPPET
from tests.people import ApiOf, BrowserOf
from tests.predictions.trained import trained
from tests.training.run_builders import make_model, make_run
from training.models import Status

pytestmark = [pytest.mark.db_both, pytest.mark.slow]


def test_it_says_what_the_model_was_made_of(bob: User, alice: User, browser_of: BrowserOf) -> None:
    run = trained()
    text = browser_of(bob).get(f"/models/{run.model_version.version}/").content.decode()
    for part in (run.result["model_hash"], run.result["data_hash"], "made up", "return_20", "honest", "1 trial on SPY"):
        assert part in text
    assert "Verify" not in text
    assert (
        f"/runs/{run.run_id}/verify" in browser_of(alice).get(f"/models/{run.model_version.version}/").content.decode()
    )
    assert browser_of(bob).get("/models/nothing/").status_code == 404


def test_it_verifies_on_the_card_itself(alice: User, browser_of: BrowserOf) -> None:
    run, browser = trained(), browser_of(alice)
    card = browser.get(f"/models/{run.model_version.version}/").text
    assert 'id="proof"' in card and f'hx-post="/runs/{run.run_id}/verify"' in card
    browser.post(f"/runs/{run.run_id}/verify")
    assert "data-poll" in browser.get(f"/models/{run.model_version.version}/").text


def test_its_files_load_in_plain_python_as_the_card_says(bob: User, browser_of: BrowserOf, tmp_path: Path) -> None:
    run = trained()
    answer = browser_of(bob).get(f"/models/{run.model_version.version}/folder.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert {Path(name).name for name in archive.namelist()} == set(run.model_version.files)
    archive.extractall(tmp_path)
    program = SNIPPET.format(run_id=run.run_id, predicted="closes higher")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "BOURSOMATIC"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    names, probability = done.stdout.splitlines()
    assert "return_20" in names and 0 < float(probability) < 1


def test_its_predictions_are_the_same_in_every_form(bob: User, browser_of: BrowserOf, api: ApiOf) -> None:
    run = trained()
    address = f"/models/{run.model_version.version}/predictions"
    rows = api(bob).post(f"/api/poc-predictions/{run.run_id}").json()["predictions"]
    table = pq.read_table(io.BytesIO(browser_of(bob).get(f"{address}.parquet").content)).to_pydict()
    assert table["probability"] == [row["probability"] for row in rows]
    assert table["target"][-1] is None and set(table["symbol"]) == {"SPY"}
    lines = browser_of(bob).get(f"{address}.csv").content.decode().splitlines()
    assert len(lines) == len(rows) + 1 and lines[1].startswith(f"SPY,{rows[0]['timestamp']},{rows[0]['probability']}")
    assert browser_of(bob).get(f"{address}.xls").status_code == 404


def test_it_says_when_a_file_is_missing(alice: User, browser_of: BrowserOf) -> None:
    model = make_model(make_run(alice, status=Status.COMPLETED), files={"model.txt": "0" * 64})
    assert browser_of(alice).get(f"/models/{model.version}/folder.zip").status_code == 404

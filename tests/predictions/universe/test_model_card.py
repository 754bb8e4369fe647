"""A universe model's card, and its zip, which runs outside the project."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from instruments.models import PriceBar, Universe
from predictions.recommendations.make import recommendations_make
from predictions.universe.export import SNIPPET
from predictions.universe.predict import OLDEST
from tests.people import BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion
from training.registry.gate import OLDEST_SESSIONS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both, pytest.mark.slow]


def unpack(model: ModelVersion, browser_of: BrowserOf, bob: User, folder: Path) -> Path:
    answer = browser_of(bob).get(f"/models/{model.version}/folder.zip")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
    return folder / model.run.run_id


def write_bars(path: Path, last: datetime) -> None:
    names = ("open", "high", "low", "close", "volume", "adj_close")
    rows = PriceBar.objects.filter(timestamp__lte=last).order_by("series", "timestamp")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["symbol", "date", *names])
        for symbol, at, *prices in rows.values_list("series__instrument__symbol", "timestamp", *names).iterator():
            writer.writerow([symbol, at.date().isoformat(), *prices])


def run_plainly(folder: Path, *words: str) -> str:
    """As somebody does who has the zip and no Boursomatic."""
    known = ("DJANGO", "BOURSOMATIC", "PYTHONPATH")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(known)}
    command = [sys.executable, "-W", "ignore", *words]
    return subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("recipe", "text"), [("phase22", "classifier.txt"), ("honest", "weights.json")])
def test_its_zip_says_outside_the_project_what_the_platform_says(
    recipe: str, text: str, bob: User, browser_of: BrowserOf, tmp_path: Path
) -> None:
    model = advised(recipe=recipe)
    made = recommendations_make(model=model, as_of=day_of(TRAINED + 10))[0]
    folder = unpack(model, browser_of, bob, tmp_path)
    write_bars(folder / "bars.csv", datetime.combine(made.as_of, time.max, tzinfo=UTC))
    readme = (folder / "README.md").read_text()
    assert "    python predict.py bars.csv\n" in readme and "of the universe few, trained on 6 instruments" in readme
    assert f"- `{text}`" in readme and ("BUY are the highest fifth" in readme) == (recipe == "honest")
    rows = list(csv.DictReader(io.StringIO(run_plainly(folder, "predict.py", "bars.csv"))))
    expected = made.rows.exclude(label="").select_related("series__instrument").order_by("rank")
    assert [(row["symbol"], row["signal"], float(row["p_buy"]), float(row["expected_return"])) for row in rows] == [
        (row.series.instrument.symbol, row.label, row.p_buy, row.expected_return) for row in expected
    ]
    assert len(rows) == Universe.objects.get().instruments.count() and OLDEST == OLDEST_SESSIONS
    (tmp_path / "bars.csv").write_bytes((folder / "bars.csv").read_bytes())
    lines = run_plainly(tmp_path, "-c", SNIPPET.format(run_id=model.run.run_id)).splitlines()
    assert [line.split()[:2] for line in lines] == [[row["symbol"], row["signal"]] for row in rows]


def test_its_program_refuses_a_changed_file_and_says_so(bob: User, browser_of: BrowserOf, tmp_path: Path) -> None:
    folder = unpack(advised(), browser_of, bob, tmp_path)
    write_bars(folder / "bars.csv", datetime.now(UTC))
    (folder / "classifier.txt").write_bytes((folder / "classifier.txt").read_bytes() + b" ")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_plainly(folder, "predict.py", "bars.csv")
    assert "classifier.txt is not the file that was trained" in failed.value.stderr


def test_its_card_says_what_it_was_made_of(bob: User, browser_of: BrowserOf) -> None:
    model = advised()
    page = browser_of(bob).get(f"/models/{model.version}/")
    for part in (model.model_hash, model.data_hash, "rank_return_20", "6 instruments", "AAA, BBB", "Known limits",
                 "1 trial</a>", "/trials/?universe=few", f"/models/{model.version}/folder.zip"):  # fmt: skip
        assert part in page.text
    for address in (f"/models/{model.version}/gate/", f"/runs/{model.run.run_id}/"):
        assert f'href="/models/{model.version}/"' in browser_of(bob).get(address).text


def test_it_says_when_a_file_is_missing(bob: User, browser_of: BrowserOf) -> None:
    model = advised()
    artifact_storage().delete(f"{model.folder}/regressor.joblib")
    page = browser_of(bob).get(f"/models/{model.version}/folder.zip")
    assert page.status_code == 404 and "A file of this run is missing" in page.text

"""Logistic regression as the model of a run: trained, judged, kept without LightGBM's text, served, proved."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from instruments.quant.features.candle import feature_matrix
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from training.artifacts.loading import stored_model
from training.artifacts.storage import artifact_storage
from training.models import TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import RANGES, SpecError
from training.quant.labels import up_label
from training.recipes.candle.data import candle_data
from training.recipes.verification.execute import verification

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY: dict[str, Any] = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "model": "logistic"}


@pytest.fixture
def run(alice: User) -> TrainingRun:
    make_series()
    return carried({**BODY, "confirm": False}, user=alice)


def test_it_is_scikit_learns_regression_on_the_train_rows(run: TrainingRun) -> None:
    spec = parse_candle_spec(BODY)
    data = candle_data(run.series, spec)
    features, labels = feature_matrix(data.bars, name="scale_free", timeframe="1d"), up_label(data.bars.close)
    rows = np.flatnonzero(~np.isnan(labels[: data.decision]))[-run.result["splits"]["train"]["rows"] :]
    scaler = StandardScaler().fit(features[rows])
    model = LogisticRegression(C=1.0, max_iter=500).fit(scaler.transform(features[rows]), labels[rows])
    said = [row["probability"] for row in run.detail["test_rows"]]
    tested = features[data.decision : data.decision + len(said)]
    np.testing.assert_allclose(said, model.predict_proba(scaler.transform(tested))[:, 1], rtol=1e-9)


def test_its_files_have_weights_and_no_trees(run: TrainingRun, alice: User, browser_of: BrowserOf) -> None:
    address = f"/models/{run.model_version.version}/"
    archive = zipfile.ZipFile(io.BytesIO(browser_of(alice).get(f"{address}folder.zip").getvalue()))
    names = {Path(name).name: name for name in archive.namelist()}
    assert "model.txt" not in names
    manifest = json.loads(archive.read(names["manifest.json"]))
    assert len(manifest["weights"]) == len(manifest["feature_names"]) and "rounds" not in manifest
    away = joblib.load(io.BytesIO(archive.read(names[f"model_poc_{run.run_id}.joblib"])))
    scaler = joblib.load(io.BytesIO(archive.read(names[f"scaler_poc_{run.run_id}.joblib"])))
    rows = np.random.default_rng(0).normal(size=(50, len(manifest["weights"])))
    served = stored_model(run.run_id).probability(rows)
    np.testing.assert_allclose(served, away.predict_proba(scaler.transform(rows))[:, 1], rtol=1e-9)
    assert "logistic regression" in browser_of(alice).get(address).text


def test_it_is_shown_predicts_and_is_proved(run: TrainingRun, alice: User, browser_of: BrowserOf, api: ApiOf) -> None:
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["config"]["model"] == "logistic" and answer["validation_metrics"]["auc"] is not None
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "share of the weights" in page and "Learning curve" not in page
    predicted = api(alice).post(f"/api/poc-predictions/{run.run_id}", {}).json()["predictions"]
    assert {row["sample"] for row in predicted} >= {"train", "validation", "test"}
    found = verification(run, lambda *_: None)
    assert found["identical"] and found["truncation_identical"]


def test_its_confirmation_has_no_second_regression_beside(alice: User, browser_of: BrowserOf) -> None:
    make_series()
    run = carried(BODY, user=alice)
    job = carry(run.jobs.get(kind="confirmation"))
    assert job.result["evidence"] and job.result["logistic"] is None and not job.result["logistic_is_better"]
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "This recipe (logistic regression)" in page and "Logistic regression, same rows" not in page


def test_a_changed_manifest_is_refused(run: TrainingRun) -> None:
    path = Path(artifact_storage().path(f"{run.model_version.folder}/manifest.json"))
    path.write_text(path.read_text().replace('"weights": [', '"weights": [1'))
    with pytest.raises(Exception, match="integrity"):
        stored_model(run.run_id)


def test_hashes_of_runs_without_it_stay_and_its_own_differs() -> None:
    plain, named = parse_candle_spec({**BODY, "model": "lightgbm"}), parse_candle_spec(BODY)
    without = {name: value for name, value in BODY.items() if name != "model"}
    assert plain.params_hash() == parse_candle_spec(without).params_hash() != named.params_hash()


@pytest.mark.parametrize("change", [{"params": {"num_leaves": 15}}, {"model": "forest"}, {"protocol": "steady"}])
def test_it_refuses_what_it_would_not_use(change: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refused:
        parse_candle_spec({**BODY, **change})
    assert set(refused.value.errors) <= {"num_leaves", "model"}


def test_the_dialog_takes_it_and_leaves_the_trees_settings_out(alice: User, browser_of: BrowserOf) -> None:
    make_series()
    browser = browser_of(alice)
    page = browser.get(f"/training/new/?symbol=SPY&candle={candle(500)}&model=logistic").text
    assert page.count("readonly") == sum(setting.in_params for setting in RANGES.values())
    sent = {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(500), "model": "logistic", "train_years": "1.5",
            "test_window_size": "30", "num_leaves": "12"}  # fmt: skip
    assert browser.post("/training/new/", sent).status_code == 302
    assert TrainingRun.objects.filter(kind="candle").get().config["model"] == "logistic"

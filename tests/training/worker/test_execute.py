"""A run from its row to its model: the same bits whoever carries it, nothing from the future, files that check."""

import hashlib
import io
import json
import uuid
from datetime import datetime
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F

from boursomatic.backup.artifacts import STAGING
from instruments.models import PriceBar
from predictions.candle.answers import rows_answer
from predictions.candle.ask import ask
from tests.market import candle, make_series
from tests.training.carrying import carried
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import parse_time
from training.queue import leases
from training.runs.as_json import run_detail, run_json
from training.runs.services import run_create
from training.worker.execute import execute

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]

BODY = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "test_window_size": 30}


def served(run: TrainingRun, start: datetime | None, last: int) -> dict[str, Any]:
    """What the endpoint answers for candles up to the `last`."""
    return rows_answer(ask(run=run, series=None, start=start, end=parse_time(candle(last))), 0.5)


def test_it_completes_with_every_field_that_outside_programs_rely_on(alice: User) -> None:
    make_series()
    run = carried(BODY, user=alice)
    answer = run_json(run)
    assert answer["status"] == Status.COMPLETED
    assert answer["error"] is None
    assert answer["created_by"] == "alice"
    assert answer["splits"]["test"] == {
        "rows": 30,
        "first": candle(500),
        "last": candle(529),
        "class_counts": answer["splits"]["test"]["class_counts"],
    }
    assert answer["splits"]["train"]["last"] == candle(499)
    figures = {"accuracy", "precision", "recall", "f1", "auc", "mcc"}
    for part in ("train", "validation", "test"):
        assert figures <= set(answer[f"{part}_metrics"])
    assert 0.4 <= answer["train_metrics"]["best_threshold"] <= 0.6
    assert set(answer["verdict"]) >= {"label", "p_value", "adjusted_p_value", "tries", "rows", "windows", "auc",
                                      "auc_interval", "confirmed", "sentence"}  # fmt: skip
    assert set(answer["artifact_paths"]) == {"model", "scaler", "results", "run_meta"}
    json.dumps([answer, run_detail(run)], allow_nan=False)
    assert ModelVersion.objects.filter(run=run, is_active=False).count() == 1


def test_it_states_the_proof_that_nothing_looked_ahead() -> None:
    make_series()
    proof = carried(BODY).detail["proof"]
    assert proof == {
        "last_train_outcome": candle(500),
        "decision": candle(500),
        "first_test_outcome": candle(501),
    }


def test_it_makes_the_same_model_again_and_in_the_foreground() -> None:
    make_series()
    first, second = carried(BODY), carried(BODY)
    out = io.StringIO()
    call_command("train_poc", "--selected_candle_date", candle(500), "--symbol", "SPY", "--train-years", "1.5",
                 "--test_window_size", "30", "--json", stdout=out)  # fmt: skip
    answer = json.loads(out.getvalue())
    hashes = {first.result["model_hash"], second.result["model_hash"], answer["model_hash"]}
    assert len(hashes) == 1
    assert first.params_hash == answer["params_hash"]
    assert first.run_id != second.run_id


def test_it_changes_nothing_when_every_bar_after_the_test_window_changes() -> None:
    series = make_series()
    before = carried(BODY)
    said = served(before, None, 530)
    later = PriceBar.objects.filter(series=series, timestamp__gt=parse_time(candle(530)))
    later.update(open=F("open") * 3, high=F("high") * 3, low=F("low") * 3, close=F("close") * 3, adj_close=F("close"))
    later.filter(timestamp__gt=parse_time(candle(570))).delete()
    after = carried(BODY)
    assert after.result["model_hash"] == before.result["model_hash"]
    assert after.result["data_hash"] == before.result["data_hash"]
    assert after.detail["test_rows"] == before.detail["test_rows"]
    again = served(after, None, 530)
    assert [p["probability"] for p in again["predictions"]] == [p["probability"] for p in said["predictions"]]


def test_it_serves_the_probabilities_that_it_was_judged_by() -> None:
    make_series()
    run = carried(BODY)
    said = served(run, parse_time(candle(495)), 531)
    samples = [row["sample"] for row in said["predictions"]]
    assert samples == ["validation"] * 5 + ["test"] * 30 + ["after"] * 2
    judged = {row["timestamp"]: row["probability"] for row in run.detail["test_rows"]}
    answered = {row["timestamp"]: row["probability"] for row in said["predictions"] if row["sample"] == "test"}
    assert answered == judged
    assert said["predictions"][-1]["target"] == candle(532)


def test_it_writes_files_that_check_and_load_elsewhere() -> None:
    make_series()
    run = carried(BODY)
    storage, version = artifact_storage(), run.model_version
    for name, digest in version.files.items():
        with storage.open(f"{version.folder}/{name}") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest
    assert version.files["model.txt"] == version.model_hash
    names = run.result["artifact_paths"]
    with storage.open(f"{version.folder}/{names['run_meta']}") as file:
        meta = json.load(file)
    assert meta["run_id"] == run.run_id
    assert meta["selected_candle_date"] == candle(500)
    with storage.open(f"{version.folder}/{names['results']}") as file:
        results = json.load(file)
    assert {"config", "splits", "best_threshold", "feature_names", "feature_importance", "baselines", "proof"} <= set(
        results
    )
    with storage.open(f"{version.folder}/{names['model']}") as file:
        model = joblib.load(file)
    with storage.open(f"{version.folder}/{names['scaler']}") as file:
        scaler = joblib.load(file)
    rows = np.random.default_rng(0).normal(size=(5, 16))
    assert model.predict_proba(scaler.transform(rows)).shape == (5, 2)
    assert not list(storage.listdir(STAGING)[0])


def test_it_leaves_no_model_and_no_files_when_the_lease_is_lost() -> None:
    make_series()
    run = run_create(user=None, spec=parse_candle_spec(BODY))
    assert leases.claim(run.pk, host="test", pid=1)
    with pytest.raises(leases.LeaseLost):
        execute(run_pk=run.pk, token=uuid.uuid4())
    run.refresh_from_db()
    assert run.status == Status.RUNNING
    assert not ModelVersion.objects.exists()
    assert not artifact_storage().exists(f"on_demand_runs/{run.run_id}")


def test_it_trains_live_with_null_figures_where_the_future_is_missing() -> None:
    make_series()
    answer = run_json(carried({**BODY, "candle_date": candle(590), "live": True}))
    assert answer["test_metrics"]["auc"] is None
    assert answer["splits"]["test"]["rows"] == 0
    assert answer["train_metrics"]["auc"] > 0.5

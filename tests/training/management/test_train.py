"""`train` and universe runs over the API: one recipe, recorded, judged, the same bits again."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.universe import carried_universe, change_after, make_universe, trained_universe
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion, Status, TrainingRun, Trial
from training.quant.universe.panel import COLUMNS
from training.runs.as_json import run_json

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.slow]
# fmt: off
CONTRACT_FIELDS = {
    "run_id", "status", "version", "universe", "instruments", "rows", "borders", "metrics", "verdict",
    "artifact_paths", "params_hash", "data_hash", "model_hash",
}
M_FIELDS = {
    "precision_buy", "precision_buy_positive", "base_rate_buy", "buys", "accuracy", "rmse", "mae", "r2", "rank_ic",
    "sharpe", "max_drawdown", "total_return", "turnover", "exposure", "benchmark_sharpe", "benchmark_max_drawdown",
}
# fmt: on


def _train(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("train", "--universe", "few", "--horizon", "5", "--json", *arguments, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def test_it_trains_a_universe_and_keeps_what_it_learnt(tmp_path: Path) -> None:
    make_universe()
    said = _train("--recipe", "phase22", "--artifacts-dir", str(tmp_path))
    assert set(said) >= CONTRACT_FIELDS
    assert set(said["metrics"]["validation"]) >= M_FIELDS and set(said["metrics"]["test"]) >= M_FIELDS
    assert (said["status"], said["universe"], said["instruments"]) == ("completed", "few", 6)
    assert said["verdict"]["tries"] == 1 and said["verdict"]["label"] in ("no_evidence", "weak", "evidence")
    model = ModelVersion.objects.get(version=said["version"])
    assert (model.kind, model.universe, model.horizon, model.is_active) == ("universe", "few", 5, False)
    folder = tmp_path / said["run_id"]
    assert {path.name for path in folder.iterdir()} == set(said["artifact_paths"].values()) == set(model.files)
    for name, mark in model.files.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == mark
        assert Path(artifact_storage().path(f"{model.folder}/{name}")).read_bytes() == content
    probabilities = joblib.load(folder / "classifier.joblib").predict(np.zeros((2, len(COLUMNS))))
    assert probabilities.shape == (2, 3)


def test_it_puts_the_parts_a_horizon_apart() -> None:
    run = trained_universe()
    days = [str(np.datetime64(int(t), "s"))[:10] for t in load_bars(Series.objects.all()[0]).time]
    borders = {name: days.index(day) for name, day in run.result["borders"].items()}
    assert borders["validation_first"] - borders["train_last"] == 5
    assert borders["test_first"] - borders["validation_last"] == 5
    assert borders["test_last"] == len(days) - 1 - 5
    proof = run.detail["proof"]
    assert proof["last_train_outcome"] <= proof["first_validation_decision"]
    assert proof["last_validation_outcome"] <= proof["first_test_decision"]


def test_it_gives_the_same_bits_again() -> None:
    first, second = trained_universe(), carried_universe()
    assert first.run_id != second.run_id
    assert first.result["model_hash"] == second.result["model_hash"]
    assert first.result["metrics"] == second.result["metrics"]
    assert Trial.objects.count() == 1
    assert carried_universe(horizon=6).result["model_hash"] != first.result["model_hash"]


def test_it_learns_nothing_from_after_its_day() -> None:
    series = make_universe()
    bars = load_bars(series[0])
    day = str(np.datetime64(int(bars.time[399]), "s"))[:10]
    before = carried_universe(as_of=day)
    for one in series[:3]:
        change_after(one, load_bars(one), 399)
    after = carried_universe(as_of=day)
    assert {name: after.result[name] for name in ("model_hash", "data_hash", "metrics", "as_of")} == {
        name: before.result[name] for name in ("model_hash", "data_hash", "metrics", "as_of")
    }
    assert carried_universe().result["model_hash"] != before.result["model_hash"]


def test_it_keeps_the_judged_model_when_told_to() -> None:
    again, kept = trained_universe(), carried_universe(refit=False)
    assert kept.result["model_hash"] == kept.result["judged_model_hash"] == again.result["judged_model_hash"]
    assert again.result["model_hash"] != again.result["judged_model_hash"]
    assert kept.result["used_until"] < again.result["used_until"]


def test_it_counts_the_trials_of_a_universe() -> None:
    first, second = trained_universe(), carried_universe(horizon=6)
    carry_all()
    for k, run in enumerate((first, second), start=1):  # the first stays the first
        verdict = run_json(run)["verdict"]
        assert (verdict["trial"], verdict["tries"], verdict["level"]) == (k, k, 0.05 / (k * (k + 1)))
        assert f"{k} trial{'s' if k > 1 else ''} on few" in verdict["sentence"]
        assert verdict["adjusted_p_value"] == min(1.0, verdict["p_value"] * k * (k + 1))


def test_it_says_what_is_missing() -> None:
    with pytest.raises(CommandError, match="no prices yet"):
        _train()
    make_universe(bars=150)
    with pytest.raises(CommandError, match=r"no universe 'x'. Known: all, few"):
        call_command("train", "--universe", "x", "--json", stdout=io.StringIO())
    with pytest.raises(CommandError, match=r"Too little data: 85 days have .* at least 140 are needed"):
        _train()
    with pytest.raises(CommandError, match="Must be a whole number from 1 to 120"):
        call_command("train", "--horizon", "0")
    assert not ModelVersion.objects.exists()
    assert set(TrainingRun.objects.values_list("status", flat=True)) == {Status.FAILED}


def test_it_takes_the_options_of_train_over_the_api(alice: User, bob: User, api: ApiOf) -> None:
    make_universe()
    asked = api(alice).post("/api/training/runs", {"universe": "few", "horizon": 5})
    assert asked.status_code == 202 and asked.json()["started"] is True
    shown = api(bob).get(f"/api/training/runs/{asked.json()['run_id']}").json()
    assert set(shown) >= CONTRACT_FIELDS and shown["status"] == "queued" and shown["config"]["horizon"] == 5
    assert api(bob).post("/api/training/runs", {}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": True}, "horizon"),
        ({"sell_threshold": 0.1}, "sell_threshold"),
        ({"lookback": 5}, "lookback"),
        ({"universe": "no such"}, "universe"),
        ({"universe": "nothing"}, "universe"),
        ({"as_of": "someday"}, "as_of"),
        ({"refit": 1}, "refit"),
    ],
)
def test_it_refuses_what_it_does_not_know(body: dict[str, Any], field: str, alice: User, api: ApiOf) -> None:
    make_series(bars=5)
    answer = api(alice).post("/api/training/runs", body)
    assert answer.status_code == 400 and field in answer.json()


def test_it_starts_once_for_one_key(alice: User, api: ApiOf) -> None:
    make_series(bars=5)
    program = api(alice)
    sent = [program.post("/api/training/runs", {"horizon": 5}, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)]
    assert sent[0].json()["run_id"] == sent[1].json()["run_id"]
    assert program.post("/api/training/runs", {"horizon": 6}, HTTP_IDEMPOTENCY_KEY="k").status_code == 409


def test_its_pages_show_it(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    done, browser = trained_universe(), browser_of(alice)
    page = browser.get(f"/runs/{done.run_id}/")
    assert (
        page.status_code == 200 and "Precision of BUY" in page.text and run_json(done)["verdict"]["label"] in page.text
    )
    assert browser.get("/runs/").status_code == 200
    assert browser.get(f"/runs/{done.run_id}/files/feature_importance.csv").status_code == 200
    waiting = api(alice).post("/api/training/runs", {"universe": "few"}).json()["run_id"]
    assert "data-poll" in browser.get(f"/runs/{waiting}/", headers={"HX-Request": "true"}).text
    assert browser.get(f"/training/new/?from={done.run_id}").status_code == 200
    scope = api(alice).get(f"/api/models/{done.model_version.version}").json()["scope"]
    assert scope == {"universe": "few", "timeframe": "1d", "horizon": 5}

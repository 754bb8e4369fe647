"""The recipe honest as a run: trained, walked, served from its texts, advised with reasons, the same bits again."""

import hashlib
import io
import json
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from instruments.models import Series
from instruments.store.read_bars import load_bars
from predictions.recommendations.make import recommendations_make
from predictions.web.presenters.recommendations import reasons
from tests.people import ApiOf, BrowserOf
from tests.prepared import prepare
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.universe import carried_universe, change_after, make_universe
from training.artifacts.loading import stored_universe_model
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion, TrainingRun
from training.quant.universe.panel import MODEL_FEATURES
from training.quant.universe.spec import UniverseSpec, parse_universe_spec
from training.recipes.universe.data import universe_data
from training.registry.gate import gate_checks

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def trained(**options: Any) -> TrainingRun:
    def make() -> None:
        make_universe()
        carried_universe(recipe="honest", **options)

    prepare(f"honest universe {options}", make)
    return TrainingRun.objects.select_related("model_version").get(kind="universe")


def files_of(run: TrainingRun) -> dict[str, bytes]:
    version = run.model_version
    assert version is not None
    found = {}
    for name in version.files:
        with artifact_storage().open(f"{version.folder}/{name}") as file:
            found[name] = file.read()
    return found


def test_it_is_the_default_of_a_new_request_and_phase22_that_of_a_stored_one() -> None:
    assert (
        parse_universe_spec({}).recipe == "honest" and UniverseSpec.from_dict({"universe": "few"}).recipe == "phase22"
    )
    assert parse_universe_spec({}).params_hash() != parse_universe_spec({"score": "trees"}).params_hash()


@pytest.mark.parametrize("score", ["composite", "trees"])
def test_it_is_kept_as_text_whose_manifest_is_its_hash(score: str, alice: User, api: ApiOf) -> None:
    run = trained(score=score)
    shown, files = api(alice).get(f"/api/training/runs/{run.run_id}").json(), files_of(run)
    other = "composite" if score == "trees" else "trees"
    assert (shown["recipe"], shown["score"], set(shown["beside"])) == ("honest", score, {other})
    assert shown["feature_names"] == list(MODEL_FEATURES)
    text = "trees.txt" if score == "trees" else "weights.json"
    assert shown["artifact_paths"]["classifier"] == shown["artifact_paths"]["regressor"] == text and text in files
    assert shown["model_hash"] == hashlib.sha256(files["manifest.json"]).hexdigest()
    assert run.run_id.encode() not in files["manifest.json"]
    frame = np.random.default_rng(1).normal(size=(10, len(MODEL_FEATURES))) ** 2
    classifier, regressor = (joblib.load(io.BytesIO(files[f"{name}.joblib"])) for name in ("classifier", "regressor"))
    assert classifier.predict_proba(frame).shape == (10, 3) and regressor.predict(frame).shape == (10,)
    assert np.allclose(classifier.predict_proba(frame).sum(axis=1), 1.0)
    assert sorted(classifier.predict(frame)) == ["BUY"] * 2 + ["HOLD"] * 6 + ["SELL"] * 2


def test_the_same_again_has_the_same_hash_and_later_bars_change_nothing() -> None:
    first = trained(as_of="2001-03-01")
    assert carried_universe(recipe="honest", as_of="2001-03-01").result["model_hash"] == first.result["model_hash"]
    for series in Series.objects.all():
        bars = load_bars(series)
        last = int(np.searchsorted(bars.time, np.datetime64("2001-03-02").astype("datetime64[s]").astype(int))) - 1
        change_after(series, bars, last)
    again = carried_universe(recipe="honest", as_of="2001-03-01")
    assert (
        again.result["model_hash"] == first.result["model_hash"] and again.result["metrics"] == first.result["metrics"]
    )


def test_it_is_walked_judged_and_gated(alice: User, browser_of: BrowserOf) -> None:
    run = trained()
    kinds = [one.kind for one in carry_all()]
    assert kinds == ["fold"] * 4 + ["walk_confirmation"]
    walk = run.jobs.get()
    assert set(walk.result["beside"]) == {"trees"} and 0.0 < walk.result["rank_test"]["p_value"] <= 1.0
    assert "not beaten by logistic regression" not in {check["check"] for check in gate_checks(run.model_version)}
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "Weights of the features" in page and "Beside it, trees" in page and "honest" in page
    assert browser_of(alice).get(f"/runs/{walk.run_id}/").status_code == 200
    assert browser_of(alice).get(f"/models/{run.model_version.version}/").status_code == 200


def test_it_advises_by_fifths_with_reasons_that_add_up() -> None:
    run = trained(as_of="2001-06-01")
    model = ModelVersion.objects.get(run=run)
    advice, is_new = recommendations_make(model=model, as_of=None)
    rows = list(advice.rows.order_by("rank"))
    assert is_new and [row.label for row in rows] == ["BUY"] + ["HOLD"] * 4 + ["SELL"]
    for row in rows:
        assert row.p_buy + row.p_hold + row.p_sell == pytest.approx(1.0)
    assert rows[0].expected_return >= rows[-1].expected_return
    why = reasons(rows[0])
    assert why and {reason.feature for reason in why} <= set(MODEL_FEATURES)


def test_what_it_serves_is_what_was_judged() -> None:
    run = trained(refit=False)
    panel = universe_data(UniverseSpec.from_dict(run.config)).panel
    model = stored_universe_model(run.result["version"])
    day = int(panel.day.max())
    rows = np.flatnonzero(panel.day == day)
    said = model.predict(panel.features[rows], sigma=np.ones(len(rows)), order=np.arange(len(rows)))
    order = np.argsort(-said.scores, kind="stable")
    assert said.labels[order].tolist() == [2, 1, 1, 1, 1, 0]


def test_the_command_tells_the_contracts_fields() -> None:
    make_universe()
    out = io.StringIO()
    call_command("train", "--universe", "few", "--horizon", "5", "--score", "trees", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["recipe"], told["score"], told["verdict"]["confirmed"]) == ("honest", "trees", True)
    assert told["metrics"]["test"]["rank_ic_interval"] is None or len(told["metrics"]["test"]["rank_ic_interval"]) == 2


@pytest.mark.parametrize(
    ("body", "field"), [({"recipe": "poc"}, "recipe"), ({"recipe": "phase22", "score": "trees"}, "score"),
                        ({"score": "both"}, "score"), ({"recipe": None}, "recipe")]
)  # fmt: skip
def test_it_refuses_what_is_no_recipe(body: dict[str, Any], field: str, alice: User, api: ApiOf) -> None:
    make_universe()
    answer = api(alice).post("/api/training/runs", body)
    assert answer.status_code == 400 and field in answer.json()

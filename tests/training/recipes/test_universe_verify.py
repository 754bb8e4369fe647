"""A universe run or a walk verified: the same bits again, however it is read; what has changed since is named."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import override_settings

from instruments.imports.services import bars_write
from instruments.models import BarRevision, Instrument, PriceBar, Series
from instruments.quant.bars import Bars
from instruments.store.read_bars import load_bars
from tests.people import ApiOf, BrowserOf
from tests.prepared import prepare
from tests.training.carrying import carry
from tests.training.quant.noise import DAY
from tests.training.recipes.test_honest import trained
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.recipes.test_walk_forward import ask
from tests.training.universe import carried_universe, change_after, make_universe, trained_universe
from training.artifacts import provenance
from training.models import Status, TrainingRun
from training.recipes.universe_verify import truncation
from training.recipes.universe_verify.execute import universe_verification
from training.runs.services import follow_up_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
RECIPES = pytest.mark.parametrize("recipe", ["honest", "phase22"])
HTMX = {"HX-Request": "true"}


def run_of(recipe: str, **options: Any) -> TrainingRun:
    return trained(**options) if recipe == "honest" else trained_universe(**options)


def verified(run: TrainingRun) -> dict[str, Any]:
    return universe_verification(run, lambda *_: None)


def told(run: TrainingRun) -> dict[str, Any]:
    out = io.StringIO()
    call_command("verify_run", run.run_id, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def delete_bars(*symbols: str) -> None:
    PriceBar.objects.filter(series__instrument__symbol__in=symbols).delete()
    Series.objects.filter(instrument__symbol__in=symbols).delete()


@RECIPES
def test_it_is_bit_identical_from_the_cache_and_from_the_database(recipe: str, tmp_path: Path) -> None:
    run = run_of(recipe)
    answer = told(run)
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == []
    assert answer["model_hash"] == run.result["model_hash"] and answer["sentence"].startswith("Bit-identical")
    with override_settings(COLUMNS_BYTES=0):  # nothing is put into the cache
        assert told(run) == answer
    with override_settings(COLUMNS_ROOT=str(tmp_path)):
        assert told(run) == answer and any(tmp_path.iterdir())
        assert told(run) == answer  # from what was put there


def test_trees_as_the_model_of_record_are_verified_too() -> None:
    assert verified(trained(score="trees"))["identical"]


@RECIPES
def test_bars_that_came_since_members_and_holidays_change_nothing(recipe: str) -> None:
    run = run_of(recipe)
    series = Series.objects.get(instrument__symbol="AAA")
    bars = load_bars(series)
    more = {
        name: getattr(bars, name)[-30:] * (1.0 if name == "volume" else 1.3) for name in vars(bars) if name != "time"
    }
    bars_write(series=series, bars=Bars(time=bars.time[-30:] + 60 * DAY, **more), source="made up")
    Instrument.objects.filter(symbol="BBB").update(active=False)
    make_universe("others", symbols=("GGG",))
    answer = verified(run)
    assert answer["identical"] and answer["truncation_identical"], answer


def test_figures_are_annualised_as_they_were_when_calendars_changed_since() -> None:
    run = trained_universe()
    assert run.result["bars_a_year"] in {252, 365}  # no calendar is known: by the bars
    before = run.result["metrics"]["test"]["sharpe"] / run.result["bars_a_year"] ** 0.5
    Instrument.objects.update(calendar="FX")
    assert verified(run)["identical"]
    del run.result["bars_a_year"]  # as of a run of before it was kept
    assert verified(run)["identical"]
    newer = carried_universe()
    assert newer.result["bars_a_year"] == 261
    assert newer.result["metrics"]["test"]["sharpe"] / 261**0.5 == pytest.approx(before, rel=1e-12)
    assert newer.result["model_hash"] == run.result["model_hash"] and newer.params_hash == run.params_hash
    Instrument.objects.update(calendar="24/7")
    assert verified(newer)["identical"]


@RECIPES
def test_changed_bars_are_named(recipe: str) -> None:
    run = run_of(recipe)
    for symbol in ("CCC", "EEE"):
        series = Series.objects.get(instrument__symbol=symbol)
        change_after(series, load_bars(series), last=200)
    BarRevision.objects.filter(changed__gt=0).delete()  # as of changes before they were recorded
    with pytest.raises(
        CommandError, match=r"since this run the data changed \(bars of CCC, EEE\); .*figures and models"
    ):
        told(run)
    answer = verified(run)
    assert answer["differs"][0] == "data" and {"figures", "models"} <= set(answer["differs"])
    assert not answer["identical"] and answer["truncation_identical"]


def test_without_its_bars_it_says_so() -> None:
    run = trained_universe()
    delete_bars("AAA")
    answer = verified(run)
    assert answer["differs"][0] == "data" and "bars of AAA" in answer["sentence"]
    delete_bars("BBB", "CCC", "DDD", "EEE", "FFF")
    assert verified(run) == {
        "identical": False,
        "differs": ["data"],
        "truncation_identical": None,
        "model_hash": None,
        "sentence": "Differs: universe: None of the run's instruments has bars any more.",
    }


def test_code_libraries_rules_and_parameters_that_changed_are_named() -> None:
    run = trained_universe()
    made_with = {"code_version": "0.2.0+other", "library_versions": {**provenance.library_versions(), "numpy": "1.0"}}
    run.detail["made_with"], run.params_hash = made_with, "other"
    answer = verified(run)
    assert answer["identical"] and answer["differs"] == ["code_version", "library_versions", "params"]
    assert "(although the code version, library versions, params changed)" in answer["sentence"]
    run.detail["made_with"] = {**made_with, "code_version": "0.1.0+other"}
    run.result["metrics"]["test"]["rank_ic"] = 0.5
    answer = verified(run)
    assert answer["sentence"].startswith("The rule for outcomes changed in release 0.2.0") and not answer["identical"]


def test_a_result_that_nothing_explains_is_reported() -> None:
    run = trained_universe()
    run.result["metrics"]["test"]["rmse"] += 1e-16
    run.result["borders"]["train_last"] = "2000-01-01"
    run.model_version.files["classifier.txt"] = "other"  # type: ignore[union-attr]
    answer = verified(run)
    assert answer["differs"] == ["splits", "figures", "models"] and "please report this" in answer["sentence"]


@RECIPES
def test_truncation_tells_a_look_ahead(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that know the last bar, and a tested model that hears of what came after."""
    run = run_of(recipe)
    honest = truncation.daily_features

    def ahead(many: list[Bars], kind: Any) -> list[np.ndarray]:
        return [matrix * np.float32(bars.close[-1]) for matrix, bars in zip(honest(many, kind), many, strict=True)]

    monkeypatch.setattr(truncation, "daily_features", ahead)
    answer = verified(run)
    assert answer["identical"] and answer["truncation_identical"] is False
    assert "it has seen the future. Do not trust it." in answer["sentence"]


def walk_made() -> TrainingRun:
    def make() -> None:
        make_universe()
        ask()
        carry_all()

    prepare("walk made", make)
    return TrainingRun.objects.get(kind="walk")


@RECIPES
def test_a_walk_is_bit_identical_fold_by_fold(recipe: str) -> None:
    make_universe()
    walk = ask(recipe=recipe)
    carry_all()
    walk.refresh_from_db()
    answer = told(walk)
    assert answer["identical"] and answer["truncation_identical"] and answer["model_hash"] is None
    fold = walk.parts.order_by("pk").last()
    assert fold is not None
    TrainingRun.objects.filter(pk=fold.pk).update(result={**fold.result, "said": "other"})
    assert verified(walk)["differs"] == ["figures"]


def test_the_walk_that_confirms_a_run_is_verified_on_its_own_page(alice: User, browser_of: BrowserOf) -> None:
    run = trained_universe()
    carry_all()
    walk, browser = run.jobs.get(), browser_of(alice)
    assert "Verify" in browser.get(f"/runs/{walk.run_id}/").text
    asked = browser.post(f"/runs/{walk.run_id}/verify", headers=HTMX).text
    assert "Verifying: waiting for a worker" in asked
    assert carry(walk.jobs.get()).result["identical"]


def test_it_is_asked_for_on_page_card_and_api(alice: User, bob: User, api: ApiOf, browser_of: BrowserOf) -> None:
    run, browser = trained_universe(confirm=False), browser_of(alice)
    card = f"/models/{run.result['version']}/"
    for page in (f"/runs/{run.run_id}/", card):
        assert f"/runs/{run.run_id}/verify" in browser.get(page).text
        assert f"/runs/{run.run_id}/verify" not in browser_of(bob).get(page).text
    asked = browser.post(f"/runs/{run.run_id}/verify", headers=HTMX).text
    assert 'id="proof"' in asked and "data-poll" in asked and "<html" not in asked
    assert "was cancelled" in browser.post(f"/runs/{run.run_id}/verify/cancel", headers=HTMX).text
    answer = api(alice).post(f"/api/training/runs/{run.run_id}/verify")
    assert answer.status_code == 202 and answer.json()["started"]
    assert api(bob).post(f"/api/training/runs/{run.run_id}/verify").status_code == 403
    job = carry(TrainingRun.objects.get(run_id=answer.json()["run_id"]))
    shown = api(alice).get(f"/api/training/runs/{job.run_id}").json()
    assert (shown["kind"], shown["subject"], shown["identical"]) == ("universe_verify", run.run_id, True)
    for page in (f"/runs/{run.run_id}/", card):
        text = browser.get(page).text
        assert "Bit-identical" in text and "Verify again" in text
    part = browser.get(f"/runs/{run.run_id}/", {"part": "proof"}, headers=HTMX).text
    assert "data-poll" not in part and "Bit-identical" in part
    assert browser.get(f"/runs/{job.run_id}/")["Location"] == f"/runs/{run.run_id}/"


def test_what_is_asked_of_a_part_of_a_retraining_is_nobody_elses_part(alice: User) -> None:
    run = trained_universe(confirm=False)
    whole = TrainingRun.objects.create(run_id="whole", kind="retrain", created_at=run.created_at)
    TrainingRun.objects.filter(pk=run.pk).update(parent=whole)
    run.refresh_from_db()
    job = follow_up_create(verb="verify", run=run, user=alice)
    assert job.parent is None and job.counts and job.status == Status.QUEUED

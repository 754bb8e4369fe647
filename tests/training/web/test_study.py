"""Studies on pages: asked for beside Start, followed, stopped, then the run that follows; and a study's own page."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from instruments.models import Series
from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.carrying import carry
from tests.training.run_builders import make_run
from training.models import Searched, Status, StudyTrial, TrainingRun, TrialState
from training.quant.candle.spec import RANGES, CandleSpec
from training.recipes.study.form import FIELDS
from training.recipes.study.page import best_plot, parallel_coordinates
from training.recipes.study.spec import STUDY_RANGES, parse_study_spec

pytestmark = pytest.mark.db_both
HTMX = {"HX-Request": "true"}
NEW = "/training/new/"


def values(**changed: Any) -> dict[str, Any]:
    numbers = {name: f"{setting.default:g}" for name, setting in RANGES.items()}
    numbers |= {field: f"{STUDY_RANGES[name].default:g}" for name, field in FIELDS.items()}
    small = {"train_years": "1", "test_window_size": "20", "trials": "10", "study_folds": "2", "space": ["num_leaves"]}
    named = {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(650)[:10], "optimize": "on"}
    return {**named, **numbers, **small, **changed}


@pytest.fixture
def trainer(alice: User, browser_of: BrowserOf) -> Client:
    make_series(bars=700)
    return browser_of(alice)


def made_study(by: User, *, taken: str = "found", trials: int = 12, **more: Any) -> TrainingRun:
    """A completed study as it lies in the tables, and its trials: the last but one failed."""
    body = {"candle_date": candle(650), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}
    spec = parse_study_spec({**body, "trials": trials, "folds": 2, "space": ["num_leaves", "lambda_l2"]})
    yours = {"learning_rate": 0.05, "num_leaves": 31, "max_depth": 6, "min_child_samples": 20}
    best = {**yours, "num_leaves": 3, "lambda_l2": 12.5, "rounds": 17}
    result = {
        "trials": trials,
        "seen_until": "2019-01-02T00:00:00Z",
        "user": {"params": yours, "inner": 0.6931, "auc": 0.5},
        "best": {"params": best, "inner": 0.6712, "auc": 0.58, "number": trials - 1},
        "steady": {"params": {**yours, "num_leaves": 8}, "inner": 0.69, "auc": None},
        "taken": taken,
        "sentence": f"The best of {trials} search trials is taken.",
        "ended_by": "trials",
        "decision": "2019-01-02T00:00:00Z",
        "windows": 11,
        "rows": 250,
        "folds": 2,
        "importance": {"num_leaves": 0.75, "lambda_l2": 0.25},
        "run_id": None,
        "format": 1,
    }
    config, params_hash = spec.as_dict(), spec.params_hash()
    run = make_run(
        by, kind="study", config=config, params_hash=params_hash, status=Status.COMPLETED, result=result, **more
    )
    for number in range(trials):
        inner = 0.6931 - number * 0.0219 / (trials - 1)
        failed = number == trials - 2
        StudyTrial.objects.create(
            study=run,
            number=number,
            params={**yours, "num_leaves": 31 - number, "lambda_l2": 1.0 + number} if number else yours,
            rounds=None if failed else 17,
            inner=None if failed else inner,
            auc=None if failed else 0.5 + number / 200,
            folds=[] if failed else [{"rows": 60, "log_loss": inner + shift, "auc": None} for shift in (-0.01, 0.01)],
            state=TrialState.FAILED if failed else TrialState.COMPLETE,
            seconds=0.25,
        )
    return run


def test_the_form_asks_for_a_study_only_where_that_is_ticked(trainer: Client) -> None:
    page = trainer.get(NEW, {"symbol": "SPY", "candle": candle(650)}).text
    for name, setting in STUDY_RANGES.items():
        assert f'name="{FIELDS[name]}" value="{setting.default:g}" min="{setting.low:g}" max="{setting.high:g}"' in page
    assert page.count('type="checkbox" name="space"') == 6 and "Optimize first" in page
    trainer.post(NEW, values(optimize="", seconds="1"))
    assert TrainingRun.objects.get().kind == "candle"
    trainer.post(NEW, values())
    study = TrainingRun.objects.get(kind="study")
    assert study.config["space"] == {"num_leaves": [2, 63]} and study.config["then_train"] is True
    assert (study.config["seconds"], study.config["trials"], study.config["folds"]) == (30, 10, 2)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seconds": "4"}, "Time: Must be a whole number from 5 to 120."),
        ({"trials": "9"}, "Search trials: Must be a whole number from 10 to 1000."),
        ({"folds": "3"}, "the study has folds of its own"),
        ({"study_folds": "many"}, "Folds: Must be a whole number from 2 to 8."),
        ({"space": []}, "Must name at least one of num_leaves"),
        ({"protocol": "steady"}, "there is nothing to search"),
        ({"model": "logistic"}, "no settings to search"),
        ({"candle_date": candle(200)[:10]}, "Too little history for a study"),
        ({"num_leaves": "64"}, "Must be a whole number from 15 to 63."),
    ],
)
def test_it_says_what_would_do(trainer: Client, changed: dict[str, Any], words: str) -> None:
    answer = trainer.post(NEW, values(**changed))
    assert answer.status_code == 400 and words in answer.text
    assert 'name="optimize" class="form-check-input" id="id_optimize" checked' in answer.text
    assert not TrainingRun.objects.exists()


def test_the_dialog_follows_the_study_and_then_its_run(trainer: Client) -> None:
    asked = trainer.post(f"{NEW}?in=dialog", values(), headers=HTMX).text
    study = TrainingRun.objects.get()
    address = f"/runs/{study.run_id}/"
    assert f'hx-get="{address}?in=dialog"' in asked and "data-poll" in asked and "Waiting for a worker" in asked
    assert f"{address}stop?in=dialog" in asked and f"{address}cancel?in=dialog" in asked
    carry(study)
    study.refresh_from_db()
    run = TrainingRun.objects.get(run_id=study.result["run_id"])
    shown = trainer.get(f"{address}?in=dialog", headers=HTMX).text
    assert f'data-url="/runs/{run.run_id}/"' in shown and "Training in progress..." in shown
    assert "Your settings were kept" in shown and study.result["sentence"].split(";")[0] in shown
    assert f'hx-get="/runs/{run.run_id}/?in=dialog&amp;study={study.run_id}"' in shown
    carry(run)
    done = trainer.get(f"/runs/{run.run_id}/", {"in": "dialog", "study": study.run_id}, headers=HTMX).text
    assert "Training Complete!" in done and "Your settings were kept" in done and "data-poll" in done
    plain = trainer.get(f"/runs/{run.run_id}/").text
    assert "Your settings were kept" not in plain  # the plain run, as if nobody had searched
    page = trainer.get(address).text
    assert f'href="/runs/{run.run_id}/"' in page and "On unseen candles" in page and "Open the run" in page


def test_it_stops_with_what_it_has_and_is_cancelled_with_nothing(
    trainer: Client, alice: User, bob: User, browser_of: BrowserOf
) -> None:
    for _ in range(2):
        trainer.post(NEW, values())
    stopped, cancelled = TrainingRun.objects.order_by("pk")
    assert browser_of(bob).post(f"/runs/{stopped.run_id}/stop").status_code == 403
    answer = trainer.post(f"/runs/{stopped.run_id}/stop?in=dialog", headers=HTMX).text
    assert "Stopping …" in answer and "in-dialog" in answer
    assert carry(stopped).result["trials"] == 1
    assert trainer.post(f"/runs/{stopped.run_id}/stop").status_code == 302
    trainer.post(f"/runs/{cancelled.run_id}/cancel")
    assert "no run was started" in trainer.get(f"/runs/{cancelled.run_id}/").text
    for action in ("stop", "rotate"):  # of a candle run
        assert trainer.post(f"/runs/{make_run(alice).run_id}/{action}").status_code == 404


def test_its_page_shows_what_was_tried_and_what_luck_finds(trainer: Client, alice: User) -> None:
    study = made_study(alice)
    address = f"/runs/{study.run_id}/"
    page = trainer.get(address).text
    for words in ("Settings found by the search", "All search trials", "Importance of parameters", "Best so far"):
        assert words in page, words
    assert "0.6931" in page and "0.6712" in page and "12 search trials" in page and page.count("parallel-line") == 11
    assert "None: the search was asked for without a run." in page
    asked = trainer.post(f"{address}rotate", headers=HTMX).text
    twin = TrainingRun.objects.get(kind="study", config__rotated=True)
    assert "waiting for a worker" in asked and f'hx-get="{address}?part=noise"' in asked
    assert (twin.config["trials"], twin.config["seconds"], twin.config["then_train"]) == (12, None, False)
    TrainingRun.objects.filter(pk=twin.pk).update(
        status=Status.COMPLETED, finished_at=timezone.now(), result=study.result | {"trials": 12}
    )
    told = trainer.get(address, {"part": "noise"}, headers=HTMX).text
    assert "Labels rotated" in told and "luck alone" in told and "data-poll" not in told
    assert "labels rotated" in trainer.get(f"/runs/{twin.run_id}/").text


def test_its_trials_are_sorted_and_taken_away(trainer: Client, alice: User) -> None:
    study = made_study(alice, trials=60)
    address = f"/runs/{study.run_id}/"
    page = trainer.get(address, {"sort": "inner"}).text
    assert 'aria-sort="ascending"' in page and 'rel="next"' in page
    lines = list(
        csv.DictReader(io.StringIO(b"".join(trainer.get(address, {"sort": "inner", "format": "csv"})).decode()))
    )
    numbers = [int(line["number"]) for line in lines]
    assert numbers == [60, *range(58, 0, -1), 59]  # the failed one last
    assert lines[-1]["state"] == "failed" and lines[-1]["inner"] == lines[-1]["fold_1"] == ""
    assert float(lines[0]["fold_2"]) == pytest.approx(0.6712 + 0.01) and lines[0]["fold_1_auc"] == ""
    for sort in ("number", "-auc", "num_leaves", "-lambda_l2", "rounds", "fold_2", "seconds", "nothing"):
        assert trainer.get(address, {"sort": sort}).status_code == 200, sort


def test_settings_of_a_study_come_back_into_the_form(trainer: Client, alice: User) -> None:
    """Between a slider's steps and outside its range, with those that have none; sent again they are the same."""
    study = made_study(alice)
    series = Series.objects.get()
    plain = CandleSpec.from_dict(study.config)
    spec = replace(plain, num_leaves=3, learning_rate=0.0375, lambda_l2=12.5, rounds=17, study_id=study.run_id)
    Searched.objects.create(
        series=series, params_hash=spec.params_hash(), seen_until="2018-12-31T00:00:00Z", run_id=study.run_id
    )
    run = make_run(alice, series=series, config=spec.as_dict(), status=Status.FAILED)
    page = trainer.get(NEW, {"from": run.run_id})
    assert "study <span" in page.text and "L2 penalty 12.5, Rounds 17" in page.text
    form = page.context["form"]
    again = {name: value for name in form.fields if (value := form[name].value()) not in (None, "", False)}
    assert trainer.post(NEW, {**again, "from": run.run_id}).status_code == 302
    second = TrainingRun.objects.latest("pk")
    assert second.params_hash == spec.params_hash() and second.config["study_id"] == study.run_id
    refused = trainer.post(NEW, {**again, "num_leaves": "4", "from": run.run_id})
    assert refused.status_code == 400 and "not tried by" in refused.text


def test_pictures_of_few_trials(alice: User) -> None:
    study = made_study(alice, trials=12)
    trials = list(StudyTrial.objects.filter(study=study).order_by("number"))
    plot = best_plot(trials, level=0.6931)
    assert plot is not None and plot.numbers[0][1] == "0.6931" and plot.numbers[-1][1] == "0.6712"
    assert plot.numbers[10][1] == plot.numbers[9][1]  # a failed trial is no gain
    assert best_plot(trials[:1], level=None) is None
    picture = parallel_coordinates(trials, {"num_leaves": [2, 63], "lambda_l2": [0.01, 300]})
    assert picture is not None and [axis.label for axis in picture.axes] == ["Leaves", "L2 penalty", "Log-loss"]
    assert picture.axes[-1].high == "0.6712" and picture.paths[-1].is_best and picture.best == 1
    assert picture.paths[0].points.count(",") == 2  # yours has no L2 penalty
    assert picture.paths[-1].points.endswith(",8.0")
    assert parallel_coordinates(trials[:1], {"num_leaves": [2, 63]}) is None

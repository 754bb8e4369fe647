"""The meta-predictor in the dialog: shown with what is claimed of it, applied by a click alone, compared with yours."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.carrying import carry
from training.models import MetaLook, MetaState, Searched, Status, StudyTrial, TrainingRun, TrialState
from training.quant.candle.spec import RANGES, CandleSpec, parse_time
from training.quant.search.market_state import STATE
from training.recipes.study.spec import parse_study_spec
from training.runs.services import run_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
NEW, SUGGESTION = "/training/new/", "/training/suggestion"
BODY = {"symbol": "SPY", "candle_date": candle(500), "train_years": 1.0, "test_window_size": 20}


@pytest.fixture
def trainer(alice: User, browser_of: BrowserOf) -> Client:
    make_series(bars=600)
    return browser_of(alice)


def values(**more: str) -> dict[str, str]:
    numbers = {name: f"{setting.default:g}" for name, setting in RANGES.items()} | {"folds": ""}
    own = {"symbol": "SPY", "timeframe": "1d", "candle_date": "2019-12-20 00:00", "protocol": "honest"}
    return {**numbers, **own, "model": "lightgbm", "train_years": "1", **more}


def learn() -> TrainingRun:
    """A study that was carried out, and 30 of its kind at other candles, each with seven times its second trial."""
    body = {**BODY, "trials": 10, "folds": 2, "space": {"num_leaves": [2, 8]}, "then_train": False}
    study = carry(run_create(user=None, spec=parse_study_spec(body)))
    second = study.study_trials.filter(state=TrialState.COMPLETE)[1]
    first, result, searched = study.pk, study.result, Searched.objects.first()
    assert searched is not None
    for number in range(30):
        study.pk, study.run_id = None, f"study_{number}"
        study.result = {**result, "decision": candle(300 + number)}
        study.save()
        searched.pk, searched.run_id = None, study.run_id
        searched.save()
        MetaState.objects.create(study=study, state=[float(number)] * len(STATE))
        for each in range(7):
            second.pk, second.study, second.number = None, study, each
            second.save()
    return TrainingRun.objects.get(pk=first)


def test_it_says_why_nothing_is_suggested(trainer: Client) -> None:
    form = trainer.get(NEW, {"symbol": "SPY"}).text
    assert f'hx-get="{SUGGESTION}"' in form and "csrfmiddlewaretoken" in form
    text = trainer.get(SUGGESTION, values()).text
    assert "Nothing is suggested: 0 search trials of 0 candles were over by 2019-12-20; 200 of 30 are needed." in text
    assert "<button" not in text
    assert trainer.get(SUGGESTION, values(candle_date="someday")).text.strip() == ""
    refused = trainer.post(NEW, values(**{"with": "suggested"}))
    assert refused.status_code == 400 and "Nothing is suggested" in refused.text
    assert not TrainingRun.objects.filter(kind="candle").exists()


def test_it_is_shown_with_its_claim_and_applied_by_a_click_alone(trainer: Client) -> None:
    study = learn()
    text = trainer.get(SUGGESTION, values()).text
    assert "(from 220 search trials of 30 candles; not yet compared with Steady)" in text
    figures = {"learner": "trees", "difference": 0.01, "p_value": 0.6, "level": 0.025}
    MetaLook.objects.create(k=1, month="2026-11", made_at=timezone.now(), pairs=12, rows=4_000, **figures)
    text = trainer.get(SUGGESTION, values()).text
    assert "Suggested: leaves " in text and "; so far no better than Steady, p = 0.60)" in text
    assert "Train with the suggested settings" in text and "Compare with yours" in text

    trainer.post(NEW, values())
    plain = TrainingRun.objects.get(kind="candle")
    assert plain.config["num_leaves"] == 31 and plain.seen_until is None
    trainer.post(NEW, values(**{"with": "suggested"}))
    spec = CandleSpec.from_dict(TrainingRun.objects.filter(kind="candle").latest("id").config)
    trials = StudyTrial.objects.filter(study__run_id=spec.study_id)
    assert (spec.num_leaves, spec.rounds) in {(trial.params["num_leaves"], trial.rounds) for trial in trials}
    assert spec.seen_until == study.result["seen_until"]


def test_yours_and_suggested_are_trained_and_compared(trainer: Client) -> None:
    learn()
    answer = trainer.post(NEW, values(**{"with": "both"}), headers={"HX-Request": "true"})
    address = answer["HX-Redirect"]
    yours, suggested = TrainingRun.objects.filter(kind="candle").order_by("id")
    assert address == f"/runs/compare?runs={yours.run_id},{suggested.run_id}"
    assert yours.seen_until is None and suggested.seen_until == parse_time(suggested.config["seen_until"])
    waiting = trainer.get(address)
    assert waiting.status_code == 200 and "Not all of them have completed" in waiting.text
    assert "data-poll" in trainer.get(address, headers={"HX-Request": "true"}).text
    for run in (yours, suggested):
        assert carry(run).status == Status.COMPLETED
    assert trainer.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    page = trainer.get(address).text
    assert "p of the difference" in page and "Num leaves" in page
    assert trainer.post(NEW, values(**{"with": "both"})).url.startswith("/runs/compare?runs=")


def test_at_a_limit_neither_of_two_is_started(trainer: Client, settings: object) -> None:
    learn()
    settings.MAX_ACTIVE_PER_USER = 1  # type: ignore[attr-defined]
    answer = trainer.post(NEW, values(**{"with": "both"}))
    assert answer.status_code == 429 and not TrainingRun.objects.filter(kind="candle").exists()

"""A study, from the request to the run that it makes."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from instruments.models import PriceBar
from tests.market import candle, make_series, store_series
from tests.people import ApiOf
from tests.training.carrying import carry
from tests.training.quant.noise import noise_bars
from training.models import Searched, Status, StudyTrial, TrainingRun, Trial, TrialState
from training.quant.candle.spec import CandleSpec, format_time, parse_time
from training.quant.search.study import params_of
from training.queue import leases
from training.recipes.study.as_json import study_json, trials_json
from training.recipes.study.spec import SPACE, StudySpec, parse_study_spec, rotated_twin
from training.runs.services import run_create, run_stop
from training.worker.execute import Tell, execute

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
STUDIES = "/api/training/studies"
BODY = {"candle_date": candle(650), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}
SMALL = {"trials": 12, "folds": 2, "space": {"num_leaves": [2, 8], "learning_rate": [0.05, 0.2], "lambda_l2": [1, 100]}}
PLAIN = CandleSpec(candle=candle(650), symbol="SPY", train_years=1.0, test_window_size=20)
ROUGH = {"num_leaves": 63, "learning_rate": 0.2, "min_child_samples": 10}


def queued(**more: Any) -> TrainingRun:
    return run_create(user=None, spec=parse_study_spec({**BODY, **SMALL, **more}))


def planted() -> dict[str, Any]:
    """A series where fewer leaves help, and a study of it from many."""
    bars = noise_bars(700, seed=2, planted=1.0)
    store_series("SPY", bars)
    return {"candle_date": format_time(datetime.fromtimestamp(int(bars.time[650]), tz=UTC)), "params": ROUGH}


def without_seconds(run: TrainingRun) -> list[dict[str, Any]]:
    return [{**trial, "seconds": None} for trial in trials_json(run)]


def without_run(run: TrainingRun) -> dict[str, Any]:
    return {**run.result, "run_id": None}


def test_it_keeps_yours_on_noise_and_makes_the_plain_run() -> None:
    make_series(bars=700)
    study = carry(queued())
    answer = study_json(study)
    assert (answer["status"], answer["trials"]) == ("completed", 12)
    assert (answer["taken"], answer["ended_by"]) == ("yours", "trials")
    assert answer["sentence"].startswith("Keep yours")
    assert answer["user"]["params"]["num_leaves"] == 31 and answer["best"]["inner"] <= answer["user"]["inner"]
    assert (answer["windows"], answer["decision"], answer["seen_until"]) == (11, candle(450), candle(450))
    run = TrainingRun.objects.get(run_id=answer["run_id"])
    assert run.params_hash == PLAIN.params_hash() and run.seen_until is None
    assert not Trial.objects.exists()
    carry(run)
    assert Trial.objects.get().params_hash == PLAIN.params_hash()


def test_what_it_found_is_trained_with_what_the_search_has_seen() -> None:
    study = carry(queued(**planted()))
    answer = study_json(study)
    assert answer["taken"] == "found" and answer["sentence"].startswith("The best of 12 search trials is taken")
    run = carry(TrainingRun.objects.get(run_id=answer["run_id"]))
    spec = CandleSpec.from_dict(run.config)
    assert spec.num_leaves <= 8 and spec.rounds == answer["best"]["params"]["rounds"]
    assert spec.study_id == study.run_id and run.seen_until == parse_time(answer["seen_until"])
    assert run.status == Status.COMPLETED and Trial.objects.get().run_id == run.run_id  # study and run: one trial

    typed = replace(spec, study_id="", num_leaves=20)
    assert not Searched.objects.filter(params_hash=typed.params_hash()).exists()
    for copied in (replace(spec, study_id=""), replace(spec, study_id="", rounds=None)):
        assert Searched.objects.filter(params_hash=copied.params_hash(), run_id=study.run_id).exists()
    plain = StudySpec.from_dict(study.config).run
    assert not Searched.objects.filter(params_hash=plain.params_hash()).exists()


def carried_out(run: TrainingRun, tell: Tell) -> None:
    """Claimed by a worker, which hears of each step."""
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    execute(run_pk=run.pk, token=token, tell=tell)


def test_it_is_the_same_again_and_after_its_worker_was_lost() -> None:
    make_series(bars=700)
    whole = carry(queued(then_train=False))

    class Lost(Exception):
        """The worker's end, between two trials."""

    def lose(stage: str, progress: float, message: str) -> None:
        if message.startswith("search trial "):
            raise Lost

    interrupted = queued(then_train=False)
    with pytest.raises(Lost):
        carried_out(interrupted, lose)
    early = list(StudyTrial.objects.filter(study=interrupted).values_list("pk", flat=True))
    leases.release("test", [os.getpid()])
    again = carry(interrupted)
    assert len(early) == 1 and again.attempt == 2
    assert without_seconds(again) == without_seconds(whole) and without_run(again) == without_run(whole)
    assert list(StudyTrial.objects.filter(study=interrupted).values_list("pk", flat=True))[:1] == early


def test_bars_after_what_it_has_seen_change_no_trial() -> None:
    series = make_series(bars=700)
    before = carry(queued(then_train=False))
    later = PriceBar.objects.filter(series=series, timestamp__gt=parse_time(before.result["seen_until"]))
    later.update(
        open=F("open") * 2, high=F("high") * 3, low=F("low") * 0.5, close=F("close") * 2, adj_close=F("close") * 2
    )
    after = carry(queued(then_train=False))
    assert without_seconds(after) == without_seconds(before) and without_run(after) == without_run(before)


def test_stopped_it_takes_the_best_so_far_and_cancelled_it_makes_no_run(alice: User, api: ApiOf) -> None:
    make_series(bars=700)
    asker = api(alice)
    stopped, cancelled = (asker.post(STUDIES, {**BODY, **SMALL}).json()["study_id"] for _ in range(2))
    answer = asker.post(f"{STUDIES}/{stopped}/stop")
    assert answer.status_code == 202 and answer.json()["status"] == "queued"
    assert asker.post(f"{STUDIES}/{cancelled}/cancel").json()["status"] == "cancelled"
    carry(TrainingRun.objects.get(run_id=stopped))
    answer = asker.get(f"{STUDIES}/{stopped}").json()
    assert (answer["status"], answer["ended_by"], answer["trials"]) == ("completed", "stopped", 1)
    assert TrainingRun.objects.get(run_id=answer["run_id"]).created_by == alice
    assert asker.get(f"{STUDIES}/{cancelled}").json()["run_id"] is None
    assert TrainingRun.objects.filter(kind="candle").count() == 1
    for study_id in (stopped, cancelled):
        assert asker.post(f"{STUDIES}/{study_id}/stop").status_code == 409


def test_a_stop_while_it_searches_is_seen_where_a_trial_is_kept() -> None:
    make_series(bars=700)
    study = queued(then_train=False)

    def stop(stage: str, progress: float, message: str) -> None:
        if message.startswith("search trial "):
            run_stop(run=study, user=None)

    carried_out(study, stop)
    study.refresh_from_db()
    assert (study.result["ended_by"], study.result["trials"]) == ("stopped", 1)


def test_where_all_trials_failed_the_run_is_made_with_yours() -> None:
    make_series(bars=700)
    study = queued(trials=60)
    failed = {"study": study, "params": params_of(PLAIN), "state": TrialState.FAILED, "seconds": 0.1}
    StudyTrial.objects.bulk_create(StudyTrial(number=number, **failed) for number in range(25))
    answer = study_json(carry(study))
    assert (answer["taken"], answer["best"], answer["ended_by"]) == ("yours", None, "no_gain")
    assert answer["sentence"] == "All 25 search trials failed, so your values are kept."
    assert TrainingRun.objects.get(run_id=answer["run_id"]).params_hash == PLAIN.params_hash()


def test_seconds_end_it_and_are_those_of_all_attempts() -> None:
    make_series(bars=700)
    study = queued(seconds=5)
    done = list(StudyTrial.objects.filter(study=carry(queued(then_train=False)))[:3])
    for trial in done:
        trial.pk, trial.study, trial.seconds = None, study, 2.0
    StudyTrial.objects.bulk_create(done)
    answer = study_json(carry(study))
    assert (answer["ended_by"], answer["trials"]) == ("seconds", 3)


def test_its_twin_on_rotated_labels_makes_no_run_and_marks_nothing() -> None:
    make_series(bars=700)
    study = carry(queued(then_train=False))
    twin = carry(run_create(user=None, spec=rotated_twin(StudySpec.from_dict(study.config), trials=12)))
    answer = study_json(twin)
    assert answer["sentence"].startswith("With its labels rotated in time, the best of 12 search trials")
    assert answer["run_id"] is None and answer["seconds_left"] is None
    assert answer["best"]["inner"] != study.result["best"]["inner"]
    assert not Searched.objects.filter(run_id=twin.run_id).exists() and Searched.objects.exists()
    assert not TrainingRun.objects.filter(kind="candle").exists()


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"seconds": 4}, "seconds", "from 5 to 120"),
    ({"trials": 1001}, "trials", "from 10 to 1000"),
    ({"trials": True}, "trials", "whole number"),
    ({"folds": 1}, "folds", "from 2 to 8"),
    ({"space": {}}, "space", "at least one of num_leaves"),
    ({"space": []}, "space", "at least one of num_leaves"),
    ({"space": ["leaves"]}, "space", "at least one of num_leaves"),
    ({"space": {"num_leaves": [63, 2]}}, "space", "the lowest value must be below the highest"),
    ({"space": {"num_leaves": [1, 63]}}, "space", "num_leaves: must be a lowest and a highest value from 2 to 63"),
    ({"space": {"columns": 5}}, "space", "columns: must be"),
    ({"space": {"rounds": [1, 5]}}, "space", "at least one of"),
    ({"then_train": "no"}, "then_train", "true or false"),
    ({"protocol": "steady"}, "protocol", "nothing to search"),
    ({"model": "logistic"}, "model", "no settings to search"),
    ({"features": ["raw_o_next"], "decision": "next_open"}, "decision", "decides at the close"),
    ({"params": {"rounds": 5}}, "rounds", "chooses the rounds itself"),
    ({"params": {"num_leaves": 99}}, "num_leaves", "from 15 to 63"),
    ({"leaves": 5}, "leaves", "Unknown field"),
    ({"candle_date": candle(300)}, "candle_date", "Too little history for a study"),
    ({"candle_date": candle(699)}, "candle_date", "Too few candles after this one"),
    ({"train_years": 0.5}, "candle_date", "200 are needed"),
]


@pytest.mark.parametrize(("change", "field", "text"), BAD, ids=[f"{field} {i}" for i, (_, field, _) in enumerate(BAD)])
def test_it_refuses_what_can_not_come_to_anything(alice: User, api: ApiOf, change: Any, field: str, text: str) -> None:
    make_series(bars=700)
    answer = api(alice).post(STUDIES, {**BODY, **change})
    assert answer.status_code == 400 and text in answer.json()[field][0]
    assert not TrainingRun.objects.exists()


def test_its_request_has_the_defaults_of_the_spec() -> None:
    spec = parse_study_spec(BODY)
    assert (spec.seconds, spec.trials, spec.folds, spec.space) == (30, 60, 3, SPACE)
    assert (spec.then_train, spec.rotated, spec.run) == (True, False, PLAIN)
    assert parse_study_spec({**BODY, "trials": 60}).seconds is None
    named = parse_study_spec({**BODY, "space": ["columns"], "seconds": 9, "trials": 99})
    assert (named.space, named.seconds) == ({"columns": (0.3, 1)}, 9)
    assert StudySpec.from_dict(named.as_dict()) == named


def test_only_who_trains_may_search_and_only_the_owner_may_stop(
    alice: User, bob: User, carol: User, api: ApiOf
) -> None:
    make_series(bars=700)
    study_id = api(alice).post(STUDIES, {**BODY, **SMALL}).json()["study_id"]
    assert api(bob).post(STUDIES, BODY).status_code == 403
    for action in ("stop", "cancel"):
        assert api(bob).post(f"{STUDIES}/{study_id}/{action}").status_code == 403
    assert api(bob).get(f"{STUDIES}/{study_id}").json()["study_id"] == study_id
    assert api(bob).get(f"{STUDIES}/{study_id}/trials").json() == []
    assert api(carol).post(f"{STUDIES}/{study_id}/cancel").status_code == 202
    run_id = api(alice).post("/api/training/run-poc", BODY).json()["run_id"]
    assert api(alice).get(f"{STUDIES}/{run_id}").status_code == 404
    listed = api(alice).get("/api/training/runs").json()
    assert [run["run_id"] for run in listed] == [run_id]
    assert [run["study"]["study_id"] for run in api(alice).get("/api/training/runs?kind=study").json()] == [study_id]

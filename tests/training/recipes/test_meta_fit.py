"""The meta-predictor on trials that real studies wrote: what it suggests, from what, and what is claimed of it."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F

from instruments.models import PriceBar
from tests.market import candle, make_series
from tests.people import ApiOf
from tests.training.carrying import carried, carry
from training.models import MetaLook, MetaPair, MetaState, Status, StudyTrial, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import parse_time
from training.quant.search.market_state import STATE
from training.recipes.meta_fit.spec import MetaFitSpec
from training.recipes.meta_fit.suggestion import suggestion_for
from training.recipes.study.spec import parse_study_spec
from training.runs.services import run_create

pytestmark = pytest.mark.django_db
SUGGESTION = "/api/training/suggestion"
SYMBOLS = ("SPY", "QQQ", "IWM")
SMALL = {
    "train_years": 1.0,
    "test_window_size": 10,
    "trials": 10,
    "folds": 2,
    "space": {"num_leaves": [2, 8], "learning_rate": [0.05, 0.2]},
    "then_train": False,
}


def study(symbol: str, at: int, **more: Any) -> TrainingRun:
    body = {**SMALL, "symbol": symbol, "candle_date": candle(at), **more}
    return carry(run_create(user=None, spec=parse_study_spec(body)))


def fit() -> TrainingRun:
    return carry(run_create(user=None, spec=MetaFitSpec()))


def asked(symbol: str, at: int) -> Any:
    return suggestion_for(parse_candle_spec({"symbol": symbol, "candle_date": candle(at), "train_years": 1.0}))


@pytest.mark.db_both
def test_with_too_little_to_learn_from_it_suggests_nothing_and_says_why(alice: User, api: ApiOf) -> None:
    make_series(bars=600)
    ask = api(alice)
    query = {"symbol": "SPY", "candle_date": candle(590)}
    empty = ask.get(SUGGESTION, query).json()
    assert (empty["suggested"], empty["trials"], empty["seen_until"], empty["claim"]) == (None, 0, None, None)
    first, rotated = study("SPY", 500), study("SPY", 505, rotated=True)
    assert rotated.status == Status.COMPLETED
    assert ask.get(SUGGESTION, query).json()["trials"] == 10  # as soon as the study is over
    run = fit()
    assert run.status == Status.COMPLETED and (run.result["trials"], run.result["candles"]) == (10, 1)
    assert run.result["claim"] is None and "not yet compared with Steady" in run.result["sentence"]
    answer = ask.get(SUGGESTION, query).json()
    assert (answer["trials"], answer["candles"]) == (10, 1) and answer["seen_until"] == first.result["seen_until"]
    assert answer["sentence"] == (
        f"Nothing is suggested: 10 search trials of 1 candle were over by {candle(590)[:10]}; 200 of 30 are needed"
    )
    before = ask.get(SUGGESTION, {**query, "candle_date": candle(390)}).json()
    assert before["trials"] == 0  # the study was not over


@pytest.mark.db_both
def test_the_state_is_that_of_the_candle_the_study_stands_at_and_later_bars_change_nothing() -> None:
    series = make_series(bars=600)
    first = study("SPY", 500)
    state = MetaState.objects.get().state
    assert len(state) == len(STATE) and all(isinstance(value, float) for value in state)
    MetaState.objects.all().delete()
    later = PriceBar.objects.filter(series=series, timestamp__gt=parse_time(first.result["decision"]))
    later.update(open=F("open") * 2, high=F("high") * 3, low=F("low"), close=F("close") * 2, adj_close=F("close") * 2)
    fit()
    assert MetaState.objects.get().state == state
    assert not MetaPair.objects.exists()


@pytest.mark.db_both
def test_it_refuses_what_is_no_candle(alice: User, api: ApiOf) -> None:
    make_series(bars=600)
    for query, field in (
        ({"symbol": "SPY"}, "candle_date"),
        ({"symbol": "SPY", "candle_date": "2018-01-06"}, "candle_date"),
        ({"symbol": "NONE", "candle_date": candle(500)}, "symbol"),
        ({"symbol": "SPY", "candle_date": candle(500), "timeframe": "2d"}, "timeframe"),
        ({"symbol": "SPY", "candle_date": candle(500), "leaves": "3"}, "leaves"),
    ):
        answer = api(alice).get(SUGGESTION, query)
        assert answer.status_code == 400 and list(answer.json()) == [field]


@pytest.mark.slow
def test_from_300_trials_of_30_candles_it_suggests_what_a_study_tried(alice: User, api: ApiOf) -> None:
    for number, symbol in enumerate(SYMBOLS):
        make_series(symbol, bars=600, seed=number + 1)
    for at in range(400, 500, 10):
        for number, symbol in enumerate(SYMBOLS):
            study(symbol, at + 2 * number)
    run = fit()
    assert (run.result["trials"], run.result["candles"]) == (300, 30)
    assert run.result["pairs"] == MetaPair.objects.count() > 5
    look = MetaLook.objects.get()
    assert (look.k, look.level, look.pairs) == (1, 0.025, run.result["pairs"]) and look.rows > 200
    assert run.result["claim"]["p_value"] == look.p_value and 0 < look.p_value <= 1

    answer = asked("SPY", 580)
    suggested = answer.suggested
    assert suggested is not None and suggested.learner == look.learner
    assert answer.sentence.startswith("Suggested: leaves ")
    assert "(from 300 search trials of 30 candles; " in answer.sentence and "Steady, p = " in answer.sentence
    tried = StudyTrial.objects.get(study__run_id=suggested.study_id, rounds=suggested.params["rounds"],
                                   params={k: v for k, v in suggested.params.items() if k != "rounds"})  # fmt: skip
    assert tried.state == "complete"

    body = {"symbol": "SPY", "candle_date": candle(580), "train_years": 1.0, "test_window_size": 15}
    suggestion = {"params": suggested.params, "study_id": suggested.study_id, "seen_until": answer.seen_until}
    made = carried({**body, **suggestion})
    assert made.status == Status.COMPLETED
    assert made.seen_until == parse_time(answer.seen_until)  # of all studies, whichever tried it

    earlier = asked("SPY", 340)
    assert earlier.suggested is None and 0 < earlier.trials < 300
    assert earlier.seen_until is not None and parse_time(earlier.seen_until) <= parse_time(candle(340))

    study("SPY", 510)
    out = io.StringIO()
    call_command("meta_fit", "--json", stdout=out)
    again = json.loads(out.getvalue())
    assert (again["trials"], again["pairs"]) == (310, look.pairs + 1)
    assert MetaLook.objects.count() == 1  # a month has one look, whatever has come since
    assert again["claim"] == run.result["claim"]

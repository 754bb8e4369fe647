"""An ensemble of a row of a sweep's map: cells trained at their own candles, judged where the map has not looked."""

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from predictions.candle.ask import ask
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from tests.training.recipes.test_ensemble import files_read_anew
from tests.training.recipes.test_sweep import asked, swept
from training.models import SweepCell, TrainingRun
from training.quant.candle.confirm import _steps
from training.quant.candle.spec import format_time, parse_time
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.candle.data import candle_data, widest_spec
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.verification.execute import verification
from training.runs.as_json import run_json
from training.runs.services import follow_up_create, run_create, run_delete

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/training/ensembles"
CANDLES = [candle(300), candle(340), candle(380), candle(420)]
ROW = {"train_years": 1.0, "params": {}}


@pytest.fixture
def sweep() -> TrainingRun:
    make_series(bars=600)
    return swept()


def ensemble(sweep: TrainingRun, user: User | None = None, **more: Any) -> TrainingRun:
    return carry(run_create(spec=parse_ensemble({"sweep_id": sweep.run_id, **ROW, **more}), user=user))


def spoken(run: TrainingRun) -> np.ndarray:
    return ask(run=run, series=None, start=None, end=None).output.probability


def test_it_says_the_mean_of_candle_runs_with_the_rows_settings(sweep: TrainingRun) -> None:
    settings = {"symbol": "SPY", "train_years": 1.0, "test_window_size": 20, "protocol": "steady", "confirm": False}
    run = ensemble(sweep)
    runs = [carried({**settings, "candle_date": at}) for at in CANDLES]
    np.testing.assert_array_equal(spoken(run), np.mean([spoken(own) for own in runs], axis=0))
    hashes = {own.result["model_hash"] for own in runs}
    assert {member["model_hash"] for member in run.detail["member_hashes"]} == hashes
    assert run.config["candle"] == CANDLES[-1]
    assert run.result["splits"]["train"]["first"] == runs[0].result["splits"]["train"]["first"]


@pytest.mark.parametrize("how", ["mean", "rank"])
def test_it_is_made_again_to_the_bit(sweep: TrainingRun, how: str) -> None:
    verified = verification(ensemble(sweep, how=how), lambda *_: None)
    assert verified["identical"] and verified["truncation_identical"] and verified["differs"] == []


def test_it_is_judged_after_the_maps_last_outcome_with_members_as_far_apart(sweep: TrainingRun, alice: User) -> None:
    run = ensemble(sweep, alice)
    assert format_time(run.seen_until) == sweep.result["seen_until"] == candle(440) and run.jobs.count() == 0
    assert run_json(run)["verdict"]["label"] == "no_evidence"
    confirmation = carry(follow_up_create(verb="confirm", run=run, user=alice))
    unseen = [window["decision"] for window in confirmation.result["windows"] if not window["seen"]]
    assert unseen == [candle(place) for place in range(440, 580, 20)]
    spec = EnsembleSpec.from_dict(run.config)
    data = candle_data(sweep.series, widest_spec(spec), steps=10)
    steps = _steps(data.bars, data.decision, spec)
    assert [each.spec.candle for each in steps[-1].configurations] == CANDLES[::-1]
    for step in steps:  # 40 weekdays are 56 days
        stand = [parse_time(each.spec.candle).timestamp() for each in step.configurations]
        assert stand == [step.decision - 56 * 86_400 * number for number in range(4)]
        assert all(each.split.train.stop <= step.tests[0].start for each in step.configurations)


def test_one_that_is_further_apart_is_another_configuration(sweep: TrainingRun) -> None:
    other = swept(candles=[candle(300), candle(420)])
    body = {"sweep_id": other.run_id, **ROW}
    spec = parse_ensemble({"sweep_id": sweep.run_id, **ROW})
    nearer = parse_ensemble({"sweep_id": swept(candles=[candle(340), candle(420)]).run_id, **ROW})
    assert len({each.params_hash() for each in (spec, parse_ensemble(body), nearer)}) == 3


def test_of_many_cells_it_takes_the_newest_twenty_and_says_so(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_series(bars=600)
    many = swept(candles=[candle(300 + 5 * number) for number in range(23)])
    SweepCell.objects.filter(sweep=many, number=45).update(problem="none")  # the newest of its row
    answer = api(alice).post(ADDRESS, {"sweep_id": many.run_id, "train_years": 1}, content_type="application/json")
    assert answer.status_code == 202 and "Ensemble of the newest 20 of 22 cells started" in answer.json()["message"]
    run = TrainingRun.objects.get(run_id=answer.json()["run_id"])
    assert [run.config["members"][place]["cell"] for place in (0, -1)] == [5, 43]
    page = browser_of(alice).get(f"/training/ensemble/?sweep_id={many.run_id}&row=1").text
    assert "the newest 20 of 22 cells of the row" in page


def test_it_is_answered_over_the_api_and_outlives_its_sweep(sweep: TrainingRun, alice: User, api: ApiOf) -> None:
    run = ensemble(sweep, alice)
    before = spoken(run)
    run_delete(run=sweep, user=alice)
    files_read_anew(run)
    np.testing.assert_array_equal(spoken(run), before)
    answer = api(alice).get(f"/api/training/runs/{run.run_id}").json()
    assert (answer["config"]["sweep_id"], answer["config"]["run_ids"]) == (sweep.run_id, [])
    assert [(one["cell"], one["exists"], one["model_hash"]) for one in answer["members"]] == [
        (number, False, None) for number in (1, 3, 5, 7)
    ]


def test_a_row_of_the_map_becomes_an_ensemble_on_pages(sweep: TrainingRun, alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    address = f"/training/ensemble/?sweep_id={sweep.run_id}&row=1"
    assert address.replace("&", "&amp;") in browser.get(f"/runs/{sweep.run_id}/").text
    form = browser.get(address).text
    assert "all 4 cells of the row" in form and f"The map shows outcomes up to {candle(440)[:10]}" in form
    run = carry(TrainingRun.objects.get(run_id=browser.post(address, {"how": "rank"})["Location"].split("/")[2]))
    page = browser.get(f"/runs/{run.run_id}/").text
    assert page.count(f'href="/runs/{sweep.run_id}/cells/') == 4 and "Cell of a sweep" in page
    assert browser.get(f"/models/{run.model_version.version}/").status_code == 200
    assert browser.get(f"/training/ensemble/?sweep_id={sweep.run_id}&row=2").status_code == 404
    assert browser.get(f"/training/ensemble/?sweep_id={run.run_id}&row=0").status_code == 404


def test_it_refuses_what_names_no_row_and_names_the_field(sweep: TrainingRun, alice: User, api: ApiOf) -> None:
    SweepCell.objects.filter(sweep=sweep, number__in=(0, 2, 4)).update(problem="none")
    waiting = asked(candles=[candle(310), candle(350)])
    own = {"sweep_id": sweep.run_id}
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({"sweep_id": "none", **ROW}, "sweep_id", "There is no sweep none"),
        ({"sweep_id": 3, **ROW}, "sweep_id", "There is no sweep 3"),
        ({"sweep_id": waiting.run_id, **ROW}, "sweep_id", "The sweep is queued"),
        ({**own, **ROW, "run_ids": ["a", "b"]}, "sweep_id", "not both"),
        (own, "train_years", "2 rows of this sweep match"),
        ({**own, "train_years": 3}, "train_years", "No row"),
        ({**own, "train_years": 0.5}, "train_years", "has 1 cell that could be trained"),
        ({**own, "params": 3}, "params", "Must be an object"),
        ({**own, "params": {"leaves": 3}}, "leaves", "Unknown field"),
        ({**own, **ROW, "how": "median"}, "how", "mean, rank"),
        ({**own, **ROW, "row": 1}, "row", "Unknown field"),
        ({"train_years": 1.0}, "train_years", "send its sweep_id"),
    ]
    for body, field, words in refused:
        answer = api(alice).post(ADDRESS, body, content_type="application/json")
        assert answer.status_code == 400 and words in " ".join(answer.json()[field]), (body, answer.json())

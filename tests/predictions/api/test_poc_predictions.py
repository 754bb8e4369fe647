import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.roles import Scope
from tests.market import candle, weekdays
from tests.people import ApiOf
from tests.predictions.trained import trained
from tests.training.run_builders import make_run
from training.artifacts.storage import artifact_storage
from training.models import Status, TrainingRun

pytestmark = pytest.mark.db_both


def _address(run: TrainingRun) -> str:
    return f"/api/poc-predictions/{run.run_id}"


def test_it_predicts_a_range(bob: User, api: ApiOf) -> None:
    run = trained()
    days = weekdays(400)
    query = f"?start_date={days[298]:%Y-%m-%d}&end_date={days[340]:%Y-%m-%d}&threshold=0.55"
    answer = api(bob).post(_address(run) + query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    head = {"run_id", "symbol", "timeframe", "decision", "threshold", "total_predictions", "warning"}
    assert set(body) == head | {"predictions"}
    assert (body["run_id"], body["symbol"], body["threshold"]) == (run.run_id, "SPY", 0.55)
    rows = body["predictions"]
    assert body["total_predictions"] == len(rows) == 43
    assert [row["timestamp"] for row in rows] == [candle(i) for i in range(298, 341)]
    assert [row["target"] for row in rows] == [candle(i) for i in range(299, 342)]
    assert {row["sample"] for row in rows} == {"validation", "test", "after"}
    for row in rows:
        assert row["prediction"] == int(row["probability"] >= 0.55)
        assert row["confidence"] == pytest.approx(abs(row["probability"] - 0.55))


def test_it_predicts_the_whole_series_and_no_target_after_the_last_candle(bob: User, api: ApiOf) -> None:
    run = trained()
    rows = api(bob).post(_address(run)).json()["predictions"]
    assert rows[-1]["timestamp"] == candle(399) and rows[-1]["target"] is None
    assert {row["sample"] for row in rows} >= {"train", "validation", "test", "after"}


def test_it_answers_an_empty_range_with_no_predictions(bob: User, api: ApiOf) -> None:
    run = trained()
    answer = api(bob).post(_address(run) + "?start_date=2001-01-01&end_date=2001-02-01")
    assert answer.status_code == 200
    assert answer.json()["predictions"] == [] and answer.json()["total_predictions"] == 0


def test_it_refuses_a_model_whose_file_was_changed(bob: User, api: ApiOf) -> None:
    run = trained()
    with open(artifact_storage().path(f"{run.model_version.folder}/model.txt"), "a") as file:  # noqa: PTH123
        file.write(" ")
    answer = api(bob).post(_address(run))
    assert answer.status_code == 409
    assert "integrity" in answer.json()["detail"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.FAILED, Status.CANCELLED])
def test_it_asks_no_run_that_is_not_completed(alice: User, api: ApiOf, status: Status) -> None:
    run = make_run(alice, status=status)
    answer = api(alice).post(_address(run))
    assert answer.status_code == 409
    assert status.value in answer.json()["detail"]


def test_it_says_when_there_is_no_such_run(alice: User, api: ApiOf) -> None:
    assert api(alice).post("/api/poc-predictions/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("threshold=1.1", "threshold"),
        ("threshold=-0.1", "threshold"),
        ("threshold=nan", "threshold"),
        ("threshold=inf", "threshold"),
        ("threshold=1e2", "threshold"),
        ("threshold=1_0", "threshold"),
        ("threshold=true", "threshold"),
        ("threshold=", "threshold"),
        ("threshold=" + "0" * 5000, "threshold"),
        ("start_date=2019-02-30", "start_date"),
        ("start_date=yesterday", "start_date"),
        ("start_date=20190601", "start_date"),
        ("end_date=0001-01-01", "end_date"),
        ("end_date=9999-12-31", "end_date"),
        ("end_date=2019-06-01T00:00:00Z", "end_date"),
        ("start_date=2019-06-02&end_date=2019-06-01", "end_date"),
        ("treshold=0.5", "treshold"),
    ],
)
def test_it_answers_rubbish_clearly(alice: User, api: ApiOf, query: str, field: str) -> None:
    answer = api(alice).post(f"{_address(make_run(alice))}?{query}")
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]


def test_it_is_for_members_with_the_scope(alice: User, stranger: User, api: ApiOf) -> None:
    address = _address(make_run(alice))
    assert api().post(address).status_code == 401
    assert api(stranger).post(address).status_code == 403
    assert api(alice, [Scope.READ]).post(address).status_code == 403
    assert api(alice).get(address).status_code == 405

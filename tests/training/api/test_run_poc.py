import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Scope
from instruments.models import Series
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from training.models import TrainingRun
from training.quant.candle.spec import RANGES

pytestmark = pytest.mark.db_both
ADDRESS = "/api/training/run-poc"


@pytest.fixture
def spy(db: None) -> Series:
    return make_series("SPY", bars=600)


def test_it_starts_a_run(alice: User, spy: Series, api: ApiOf) -> None:
    answer = api(alice).post(ADDRESS, {"candle_date": candle(500)})
    assert answer.status_code == 202, answer.json()
    run = TrainingRun.objects.get()
    assert answer.json() == {
        "started": True,
        "run_id": run.run_id,
        "pid": None,
        "message": f"POC training started for candle {candle(500)}",
        "output_dir": f"on_demand_runs/{run.run_id}",
    }
    assert run.created_by == alice and run.status == "queued"
    assert run.config["symbol"] == "SPY" and run.config["feature_set"] == "scale_free"
    assert AuditEntry.objects.filter(action="run.create", subject=run.run_id, user=alice).exists()


def test_it_takes_every_field_of_the_contract(alice: User, spy: Series, api: ApiOf) -> None:
    body = {
        "candle_date": candle(500),
        "train_years": 1.5,
        "test_window_size": 20,
        "params": {"learning_rate": 0.1, "num_leaves": 15, "max_depth": 3, "min_child_samples": 10},
        "symbol": "SPY",
        "timeframe": "1d",
        "protocol": "poc",
        "feature_set": "poc16",
        "confirm": False,
        "live": False,
    }
    assert api(alice).post(ADDRESS, body).status_code == 202
    config = TrainingRun.objects.get().config
    assert {name: config[name] for name in ("train_years", "learning_rate", "protocol", "confirm")} == {
        "train_years": 1.5,
        "learning_rate": 0.1,
        "protocol": "poc",
        "confirm": False,
    }


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("rubbish", ["low", "high", True, "5", None, [], {}, 10**400])
def test_it_names_field_and_range_of_a_bad_value(
    alice: User, spy: Series, api: ApiOf, name: str, rubbish: object
) -> None:
    setting = RANGES[name]
    value = {"low": setting.low - 1, "high": setting.high + 1}.get(str(rubbish), rubbish)
    values = {"params": {name: value}} if setting.in_params else {name: value}
    answer = api(alice).post(ADDRESS, {"candle_date": candle(500), **values})
    assert answer.status_code == 400
    assert f"from {setting.low:g} to {setting.high:g}" in answer.json()[name][0]
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"candle_date": "2019-02-30"}, "candle_date"),
        ({"candle_date": 20190604}, "candle_date"),
        ({"candle_date": True}, "candle_date"),
        ({"candle_date": "x" * 10_000}, "candle_date"),
        ({"candle_date": "2019-06-04T00:00:00+05:00"}, "candle_date"),  # another zone's midnight is no candle
        ({"candle_date": "2019-06-08"}, "candle_date"),  # a Saturday
        ({"candle_date": "0001-01-01T00:00:00+14:00"}, "candle_date"),
        ({"candle_date": "9999-12-31T23:59:59-14:00"}, "candle_date"),
        ({"candle_date": "0322-09-18"}, "candle_date"),
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": 1}, "symbol"),
        ({"symbol": "a" * 33}, "symbol"),
        ({"timeframe": "5m"}, "timeframe"),
        ({"timeframe": "4h"}, "symbol"),
        ({"protocol": "magic"}, "protocol"),
        ({"feature_set": "everything"}, "feature_set"),
        ({"confirm": 1}, "confirm"),
        ({"live": "no"}, "live"),
        ({"params": 5}, "params"),
        ({"params": {"objective": "mae"}}, "objective"),
        ({"learning_rate": 0.05}, "learning_rate"),  # belongs under params
        ({"epochs": 3}, "epochs"),
    ],
)
def test_it_says_what_is_wrong(alice: User, spy: Series, api: ApiOf, change: dict[str, object], field: str) -> None:
    answer = api(alice).post(ADDRESS, {"candle_date": candle(500), **change})
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert len(answer.json()[field][0]) > 10
    assert not TrainingRun.objects.exists()


def test_it_names_the_nearest_candles(alice: User, spy: Series, api: ApiOf) -> None:
    answer = api(alice).post(ADDRESS, {"candle_date": "2019-06-08"})
    (sentence,) = answer.json()["candle_date"]
    assert "2019-06-07T00:00:00Z" in sentence and "2019-06-10T00:00:00Z" in sentence


@pytest.mark.parametrize("position", [20, 590])
def test_it_names_the_nearest_date_that_would_do(alice: User, spy: Series, api: ApiOf, position: int) -> None:
    """What it names does."""
    answer = api(alice).post(ADDRESS, {"candle_date": candle(position)})
    assert answer.status_code == 400
    (sentence,) = answer.json()["candle_date"]
    named = sentence.split("candle that would do is ")[1].rstrip(".")
    assert api(alice).post(ADDRESS, {"candle_date": named}).status_code == 202


def test_it_says_how_to_load_data_when_there_is_none(alice: User, api: ApiOf) -> None:
    answer = api(alice).post(ADDRESS, {"candle_date": "2019-06-04"})
    assert answer.status_code == 400
    assert "Upload some on the page Data" in answer.json()["symbol"][0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"candle_date": "2019-06-04", "train_years": NaN}', 400),
        ('{"candle_date": "2019-06-04", "train_years": 1e400}', 400),
        ('{"candle_date": "2019-06-04", "train_years": -Infinity}', 400),
        ('{"candle_date": "2019-06-04", "candle_date": "2019-06-05"}', 400),
        ('{"train_years": ' + "9" * 5000 + "}", 400),
        ("[" * 90_000, 400),
        ('{"params": ' * 5000 + "1" + "}" * 5000, 400),
        ("[]", 400),
        ("null", 400),
        ("", 400),
        ("{", 400),
        ('{"symbol": "\\u0000"}', 400),
        ('{"symbol": "\\ud800"}', 400),
        ('"\xff"', 400),
        (" " * 200_000, 413),
    ],
)
def test_it_answers_rubbish_clearly(alice: User, spy: Series, api: ApiOf, body: str, status: int) -> None:
    raw = body.encode("latin-1")
    answer = api(alice).generic("POST", ADDRESS, raw, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_it_wants_json(alice: User, spy: Series, api: ApiOf, content_type: str) -> None:
    answer = api(alice).generic("POST", ADDRESS, b"candle_date=2019-06-04", content_type=content_type)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


def test_it_gives_the_same_answer_for_the_same_key(alice: User, carol: User, spy: Series, api: ApiOf) -> None:
    body, key = {"candle_date": candle(500)}, {"Idempotency-Key": "abc"}
    first = api(alice).post(ADDRESS, body, headers=key)
    again = api(alice).post(ADDRESS, {**body, "train_years": 3}, headers=key)  # the default, said aloud
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert TrainingRun.objects.count() == 1
    assert api(carol).post(ADDRESS, body, headers=key).json()["run_id"] != first.json()["run_id"]


def test_it_refuses_a_known_key_with_another_body(alice: User, spy: Series, api: ApiOf) -> None:
    key = {"Idempotency-Key": "abc"}
    api(alice).post(ADDRESS, {"candle_date": candle(500)}, headers=key)
    answer = api(alice).post(ADDRESS, {"candle_date": candle(501)}, headers=key)
    assert answer.status_code == 409
    assert "new key" in answer.json()["detail"]


def test_it_refuses_a_key_too_long(alice: User, spy: Series, api: ApiOf) -> None:
    answer = api(alice).post(ADDRESS, {"candle_date": candle(500)}, headers={"Idempotency-Key": "k" * 201})
    assert answer.status_code == 400


@override_settings(MAX_ACTIVE_PER_USER=2)
def test_it_limits_the_active_runs_of_a_person(alice: User, carol: User, spy: Series, api: ApiOf) -> None:
    answers = [api(alice).post(ADDRESS, {"candle_date": candle(500 + i)}) for i in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "2 runs" in answers[-1].json()["detail"]
    assert api(carol).post(ADDRESS, {"candle_date": candle(500)}).status_code == 202


@override_settings(MAX_QUEUED=1)
def test_it_limits_the_queue(alice: User, carol: User, spy: Series, api: ApiOf) -> None:
    assert api(alice).post(ADDRESS, {"candle_date": candle(500)}).status_code == 202
    assert api(carol).post(ADDRESS, {"candle_date": candle(500)}).status_code == 429


def test_it_is_for_trainers(bob: User, stranger: User, alice: User, spy: Series, api: ApiOf) -> None:
    body = {"candle_date": candle(500)}
    assert api().post(ADDRESS, body).status_code == 401
    assert api(bob).post(ADDRESS, body).status_code == 403
    assert api(stranger).post(ADDRESS, body).status_code == 403
    assert api(alice, [Scope.READ, Scope.PREDICT]).post(ADDRESS, body).status_code == 403
    assert not TrainingRun.objects.exists()


def test_it_takes_the_browsers_session_with_its_csrf_token(alice: User, spy: Series, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    browser.handler.enforce_csrf_checks = True
    body = {"candle_date": candle(500)}
    refused = browser.post(ADDRESS, body, content_type="application/json")
    assert refused.status_code == 403 and "X-CSRFToken" in refused.json()["detail"]
    browser.get("/account/")
    token = browser.cookies["csrftoken"].value
    assert (
        browser.post(ADDRESS, body, content_type="application/json", headers={"X-CSRFToken": token}).status_code == 202
    )


def test_it_takes_nothing_but_post(alice: User, api: ApiOf) -> None:
    answer = api(alice).get(ADDRESS)
    assert answer.status_code == 405
    assert "not allowed" in answer.json()["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "true", '"0.05"', "0.3", "null", "[]"])
def test_it_names_field_and_range_of_what_is_no_number_or_out_of_range(
    alice: User, spy: Series, api: ApiOf, number: str
) -> None:
    body = f'{{"candle_date": "2019-06-04", "params": {{"learning_rate": {number}}}}}'
    answer = api(alice).generic("POST", ADDRESS, body, content_type="application/json")
    assert answer.status_code == 400
    assert "0.01 to 0.2" in answer.json()["learning_rate"][0]

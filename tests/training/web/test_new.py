from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.carrying import carried
from training.models import Status, TrainingRun
from training.quant.candle.spec import RANGES

pytestmark = pytest.mark.db_both
HTMX = {"HX-Request": "true"}


def _values(position: int = 400, /, **changed: str) -> dict[str, str]:
    numbers = {name: f"{setting.default:g}" for name, setting in RANGES.items()}
    return {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(position)[:10], **numbers, **changed}


@pytest.fixture
def trainer(alice: User, browser_of: BrowserOf) -> Client:
    make_series(bars=600)
    return browser_of(alice)


def test_it_offers_the_ranges_of_the_spec(trainer: Client) -> None:
    page = trainer.get("/training/new/", {"symbol": "SPY", "candle": candle(400)})
    for setting in RANGES.values():
        assert f'min="{setting.low:g}" max="{setting.high:g}" step="{setting.step:g}"' in page.text
        assert f'name="{setting.name}" value="{setting.default:g}"' in page.text
    assert f'value="{candle(400)[:10]} 00:00"' in page.text


def test_it_says_before_start_what_the_trial_needs(trainer: Client) -> None:
    carried({"symbol": "SPY", "candle_date": candle(400), "confirm": False})
    words = "At least the 2nd trial on SPY: needs p &lt; 0.0083."
    assert words in trainer.get("/training/new/", {"symbol": "SPY", "candle": candle(401)}, headers=HTMX).text
    assert words in trainer.post("/training/new/", _values(num_leaves="64")).text  # of a form that is shown again
    for query in ({"symbol": "NOPE"}, {"symbol": "NO\0PE"}, {"symbol": "SPY", "timeframe": "1h"}):
        assert "needs p" not in trainer.get("/training/new/", query).text


def test_it_starts_a_run_and_shows_its_page(trainer: Client) -> None:
    answer = trainer.post("/training/new/", _values(num_leaves="20", learning_rate="0.1"))
    run = TrainingRun.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/runs/{run.run_id}/"
    assert (run.status, run.config["num_leaves"], run.config["learning_rate"]) == (Status.QUEUED, 20, 0.1)


def test_it_answers_the_dialog_with_progress_that_asks_again(trainer: Client) -> None:
    answer = trainer.post("/training/new/?in=dialog", _values(), headers=HTMX)
    assert answer.status_code == 200 and "HX-Request" in answer["Vary"]
    assert "<html" not in answer.text
    assert "data-poll" in answer.text and "?in=dialog" in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_leaves", "64"),
        ("num_leaves", "31.5"),
        ("learning_rate", "nan"),
        ("learning_rate", "1e400"),
        ("learning_rate", "inf"),
        ("max_depth", "true"),
        ("test_window_size", "1_0"),
        ("train_years", ""),
        ("min_child_samples", "٣٠"),
    ],
)
def test_it_refuses_numbers_that_are_none_or_out_of_range(trainer: Client, name: str, value: str) -> None:
    page = trainer.post("/training/new/", _values(400, **{name: value}))
    setting = RANGES[name]
    assert page.status_code == 400
    assert f"number from {setting.low:g} to {setting.high:g}" in page.text
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"candle_date": "2019-06-02"}, "is no candle of SPY 1d. The nearest: 2019-05-31T00:00:00Z"),
        ({"candle_date": "yesterday"}, "is not a date. Write it as"),
        ({"candle_date": ""}, "This field is required."),
        ({"symbol": "NOPE"}, "There is no instrument &#x27;NOPE&#x27;. Known: SPY."),
        ({"symbol": ""}, "There is no instrument"),
        ({"symbol": "S\0Y"}, "Null characters are not allowed."),
        ({"protocol": "magic"}, "Select a valid choice"),
    ],
)
def test_it_says_what_is_wrong(trainer: Client, changed: dict[str, str], sentence: str) -> None:
    page = trainer.post("/training/new/", _values(400, **changed), headers=HTMX)
    assert page.status_code == 400
    assert sentence in page.text
    assert not TrainingRun.objects.exists()


def test_it_names_the_nearest_candle_where_the_future_is_too_short(trainer: Client) -> None:
    page = trainer.post("/training/new/", _values(590))
    assert "there are 9, the test window needs 35" in page.text
    assert f"The last candle that would do is {candle(564)}" in page.text
    assert trainer.post("/training/new/", _values(590, live="on")).status_code == 302


def test_it_opens_with_the_settings_of_another_run_and_remembers_it(trainer: Client) -> None:
    trainer.post("/training/new/", _values(num_leaves="20", protocol="poc"))
    first = TrainingRun.objects.get()
    page = trainer.get("/training/new/", {"from": first.run_id})
    assert 'name="num_leaves" value="20"' in page.text
    assert '<option value="poc" selected>' in page.text
    trainer.post("/training/new/", {**_values(), "from": first.run_id})
    assert TrainingRun.objects.exclude(pk=first.pk).get().retry_of == first


def test_it_trains_again_with_what_the_form_does_not_show(trainer: Client) -> None:
    trainer.post("/training/new/", _values())
    first = TrainingRun.objects.get()
    unshown = {"seed": 11, "confirm": False}
    TrainingRun.objects.filter(pk=first.pk).update(config={**first.config, **unshown})
    trainer.post("/training/new/", {**_values(), "from": first.run_id})
    again = TrainingRun.objects.latest("pk")
    assert again.retry_of == first and again.config == {**first.config, **unshown}


def test_it_says_when_a_person_has_too_many_runs(trainer: Client, settings: Any) -> None:
    settings.MAX_ACTIVE_PER_USER = 1
    trainer.post("/training/new/", _values())
    page = trainer.post("/training/new/", _values())
    assert page.status_code == 429
    assert "the most a person may have" in page.text


def test_it_is_not_for_viewers(bob: User, browser_of: BrowserOf) -> None:
    make_series()
    browser = browser_of(bob)
    assert browser.get("/training/new/").status_code == 403
    assert browser.post("/training/new/", _values()).status_code == 403
    assert "train-button" not in browser.get("/backtest/").text


def test_it_previews_what_a_click_would_use(trainer: Client) -> None:
    answer = trainer.get("/training/preview", {"symbol": "SPY", "timeframe": "1d", "candle": candle(400)})
    body = answer.json()
    assert body["problem"] == ""
    assert body["before_start"] == [
        "At least the 1st trial on SPY: needs p < 0.025.",
        "With 35 candles, an AUC below 0.67 can't be told from chance.",
    ]
    assert body["parts"]["test"]["rows"] == 35
    for part in body["parts"].values():
        assert part["up"] + part["down"] == part["rows"]


def test_it_previews_what_is_missing(trainer: Client) -> None:
    late = trainer.get("/training/preview", {"symbol": "SPY", "timeframe": "1d", "candle": candle(595)})
    assert late.json()["missing_after"] == 31
    assert "Too few candles after this one" in late.json()["problem"] and late.json()["before_start"] == []
    assert f"The last candle that would do is {candle(564)}." in late.json()["problem"]
    early = trainer.get("/training/preview", {"symbol": "SPY", "timeframe": "1d", "candle": candle(90)})
    assert "The first candle that would do is" in early.json()["problem"]
    wrong = trainer.get("/training/preview", {"symbol": "SPY", "candle": "2019-06-02"})
    assert wrong.status_code == 400 and "is no candle" in wrong.json()["problem"]

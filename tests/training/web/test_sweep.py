"""Pages of sweeps: the form, the map while it runs and when it has ended, a cell, its promotion, what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.recipes.test_sweep import asked, swept
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Status, TrainingRun

pytestmark = pytest.mark.django_db
FORM: dict[str, Any] = {
    "symbol": "SPY", "timeframe": "1d", "start": candle(300)[:10], "end": candle(400)[:10], "every": "40",
    "train_years": "0.5 1", "test_window_size": "20", "protocol": "steady", "model": "lightgbm",
}  # fmt: skip
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def trainer(alice: User, browser_of: BrowserOf) -> Client:
    make_series(bars=600)
    return browser_of(alice)


def test_the_form_says_what_it_would_take_and_starts(trainer: Client) -> None:
    page = trainer.get("/training/sweep/", FORM).text
    assert "6 = 3 candles × 2 rows" in page and "at least the 1st trial on SPY" in page
    answer = trainer.post("/training/sweep/", FORM)
    run = TrainingRun.objects.get(kind="sweep")
    assert answer["Location"] == f"/runs/{run.run_id}/"
    assert run.config["candles"] == [candle(300), candle(340), candle(380)]


def test_the_form_takes_the_charts_candles(trainer: Client) -> None:
    gathered = {"symbol": "SPY", "timeframe": "1d", "candles": f"{candle(300)} {candle(301)}", "show": "1"}
    page = trainer.post("/training/sweep/", gathered)
    assert page.status_code == 200 and candle(301) in page.text and not TrainingRun.objects.exists()
    trainer.post("/training/sweep/", {**FORM, "candles": f"{candle(300)[:10]} 00:00, {candle(305)[:10]}"})
    assert TrainingRun.objects.get(kind="sweep").config["candles"] == [candle(300), candle(305)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"symbol": "NONE"}, "There is no instrument"),
        ({"candles": "2019-01-05"}, "is no candle"),
        ({"start": "x"}, "is not a date"),
        ({"train_years": "soon"}, "a number from 0.5 to 10"),
        ({"train_years": ""}, "list of 1 to"),
        ({"every": "0"}, "whole number from 1"),
        ({"further": "test_windows", "values": "5"}, "10 to 100"),
        ({"further": "params", "values": "num_leaves 99", "protocol": "honest"}, "15 to 63"),
        ({"further": "feature_sets", "values": "nonsense", "protocol": "honest"}, "Must be one of"),
    ],
)
def test_the_form_says_what_is_wrong(trainer: Client, change: dict[str, str], says: str) -> None:
    answer = trainer.post("/training/sweep/", {**FORM, **change})
    assert answer.status_code == 400 and says in answer.text
    assert says in trainer.post("/training/sweep/preview", {**FORM, **change}).text
    assert not TrainingRun.objects.exists()


def test_further_settings_are_rows(trainer: Client) -> None:
    sets = {"protocol": "honest", "further": "params", "values": "num_leaves 15, max_depth 4\nnum_leaves=63"}
    page = trainer.post("/training/sweep/preview", {**FORM, **sets}).text
    assert "0.5 years, leaves 15, depth 4" in page and "1 year, leaves 63, depth 6" in page


def test_the_map_fills_while_it_is_looked_at(trainer: Client, alice: User) -> None:
    run = asked(alice)
    page = trainer.get(f"/runs/{run.run_id}/")
    assert "0 of 8 cells" in page.text and "data-poll" in page.text and "Cancel" in page.text
    carry_next()
    progress = trainer.get(f"/runs/{run.run_id}/?part=progress", **HTMX)
    marks = progress.text.split('data-marks="')[1].split('"')[0]
    assert len(marks) == 8 and "w" not in marks and "HX-Retarget" not in progress
    carry_next()
    ended = trainer.get(f"/runs/{run.run_id}/?part=progress", **HTMX)
    assert (ended["HX-Retarget"], ended["HX-Reswap"]) == ("#run-live", "outerHTML")
    assert "No period is better" in ended.text and "data-poll" not in ended.text


def test_a_cell_says_what_it_found_and_becomes_a_run(trainer: Client, bob: User, browser_of: BrowserOf) -> None:
    run = swept(candles=[candle(120), candle(300)])
    page = trainer.get(f"/runs/{run.run_id}/")
    assert "Too little history" in page.text and "1 candle<" in page.text
    failed, good = (trainer.get(f"/runs/{run.run_id}/cells/{number}").text for number in (0, 3))
    assert "Too little history" in failed and "Make it a run" not in failed
    assert "of which" in good and "Make it a run" in good
    assert "Make it a run" not in browser_of(bob).get(f"/runs/{run.run_id}/cells/3").text
    assert trainer.get(f"/runs/{run.run_id}/cells/9").status_code == 404
    for number in (0, 99):
        trainer.post(f"/runs/{run.run_id}/cells/{number}/promote")
    assert not TrainingRun.objects.filter(kind="candle").exists()
    answer = trainer.post(f"/runs/{run.run_id}/cells/3/promote")
    own = TrainingRun.objects.get(kind="candle")
    assert answer["Location"] == f"/runs/{own.run_id}/"
    assert own.seen_until is not None and f"{own.seen_until:%Y-%m-%dT%H:%M:%SZ}" == candle(320)
    assert trainer.get(f"/runs/{own.run_id}/cells/3").status_code == 404


def test_cells_are_taken_away_as_csv(trainer: Client) -> None:
    run = swept()
    lines = trainer.get(f"/runs/{run.run_id}/cells.csv").text.splitlines()
    assert lines[0].startswith("candle,train_years,feature_set,test_window_size,learning_rate")
    assert len(lines) == 9 and lines[1].startswith(f"{candle(300)},0.5,scale_free,20,0.05")


def test_two_rows_are_compared_without_a_claim(trainer: Client) -> None:
    run = swept()
    text = trainer.get(f"/runs/{run.run_id}/rows/?one=0&other=1").text
    assert "80 bars that both have" in text and "no claim" in text
    for query in ("", "?one=0&other=0", "?one=0&other=7", "?one=x&other=1e9"):
        answer = trainer.get(f"/runs/{run.run_id}/rows/{query}")
        assert answer.status_code == 200


def test_a_cancelled_sweep_and_the_list_of_runs_are_drawn(trainer: Client, alice: User) -> None:
    run = asked(alice)
    trainer.post(f"/runs/{run.run_id}/cancel")
    run.refresh_from_db()
    assert run.status == Status.CANCELLED and not run.parts.exclude(status=Status.CANCELLED).exists()
    assert "Cancelled: no claim." in trainer.get(f"/runs/{run.run_id}/").text
    finished = swept(candles=[candle(300), candle(320)])
    listed = trainer.get("/runs/?kind=sweep").text
    assert finished.run_id in listed and run.run_id in listed
    assert finished.run_id in trainer.get("/trials/?symbol=SPY&timeframe=1d").text


def test_the_list_of_runs_has_the_claims_word_by_one_query(trainer: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked_for:
            page = trainer.get("/runs/").text
        assert page.count("verdict-no_evidence") == TrainingRun.objects.filter(kind="sweep").count()
        assert "candles; " in page and "not confirmed" not in page
        return len(asked_for)

    swept()
    one = queries()
    swept(candles=[candle(310), candle(350)])
    assert queries() == one
    lines = trainer.get("/runs/?format=csv").getvalue().decode().splitlines()
    assert all("no_evidence" in line for line in lines[1:]) and len(lines) == 3


def test_a_page_under_way_is_not_stored_by_browsers(trainer: Client) -> None:
    run = asked()
    assert trainer.get(f"/runs/{run.run_id}/")["Cache-Control"] == "no-store"
    while carry_next():
        pass
    assert not trainer.get(f"/runs/{run.run_id}/").has_header("Cache-Control")

"""The line in the browser's forms: a home page that ticks itself, recommendations asked for, replayed and scored."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from boursomatic.notices.models import Notice
from predictions.models import RecommendationSet, Schedule
from predictions.recommendations.days import coverage_of
from predictions.recommendations.make import challenger_of
from predictions.schedules.services import schedule_run_now, schedules_create
from tests.people import BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from tests.training.carrying import carried, carry
from tests.training.universe import make_universe
from training.models import Status, TrainingRun
from training.runs.annotations import run_describe

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]
NEW = "/recommendations/new"


def started(answer: Any) -> TrainingRun:
    """The run that a form led to, executed."""
    assert answer.status_code == 302, answer.text
    return carry(TrainingRun.objects.get(run_id=answer["Location"].strip("/").rpartition("/")[2]))


def current_step(page: str) -> str:
    found = re.search(r'aria-current="step">.*?<strong>(\w+)</strong>', page, re.DOTALL)
    return found[1] if found else ""


def test_home_is_a_checklist_that_ticks_itself(carol: User, bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    assert current_step(browser.get("/").text) == "Data"
    model = advised()
    assert current_step(browser.get("/").text) == "Candle"
    body = {"candle_date": f"{day_of(380)}T00:00:00Z", "symbol": "AAA", "train_years": 1, "confirm": False}
    carried(body)
    page = browser.get("/").text
    assert current_step(page) == "Recommend" and "Recommend on the newest bar" in page
    assert "A trainer or manager can do this." in browser_of(bob).get("/").text
    answer = browser.post(NEW, {"universe": "few"})
    page = browser.get("/").text
    assert f'href="{answer["Location"]}">Open the run that is under way' in page and "on the newest bar" not in page
    started(answer)
    page = browser.get("/").text
    assert current_step(page) == "Score" and f"?when=replay&amp;version={model.version}" in page
    started(browser.post(NEW, {"universe": "few", "when": "replay", "months": "3", "every": "week"}))
    assert "Score now" in browser.get("/").text
    started(browser.post("/recommendations/score"))
    assert "checklist" not in browser.get("/").text


def test_the_form_names_the_open_days_and_offers_a_training_where_there_are_none(
    alice: User, browser_of: BrowserOf
) -> None:
    model, browser, known = advised(), browser_of(alice), coverage_of("few")
    page = browser.get(NEW, {"when": "replay"}).text
    assert f">{day_of(TRAINED - 1)}</span> to" in page and str(known) in page and "stale" in page
    whole = started(browser.post("/training/universe/", {"universe": "few", "horizon": "5"}))
    page = browser.get(NEW, {"when": "replay", "universe": "few", "version": whole.model_version.version}).text
    assert "there is nothing to replay" in page and "Train as of one year before" in page
    assert ">Replay</button>" not in page
    refused = browser.post(
        NEW, {"universe": "few", "version": whole.model_version.version, "when": "replay", "months": "3"}
    )
    assert refused.status_code == 400 and "is open to replay" in refused.text
    year = {"universe": "few", "horizon": "5", "year_before": "1"}
    asked = browser.post("/training/universe/", year)
    assert asked.status_code in (302, 400)  # a year before, so few bars may be too few
    assert challenger_of(model) == whole.model_version


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"when": "day"}, "Name a day"),
        ({"when": "day", "as_of": "soon"}, "is not a date"),
        ({"when": "day", "as_of": "2999-01-01"}, "Import newer ones"),
        ({"version": "nothing"}, "not one of the available choices"),
        ({"universe": "{every}"}, "not one of the available choices"),
    ],
)
def test_the_form_says_what_is_wrong_beside_the_field(
    sent: dict[str, str], text: str, alice: User, browser_of: BrowserOf
) -> None:
    advised()
    answer = browser_of(alice).post(NEW, {"universe": "few", **sent})
    assert answer.status_code == 400 and text in answer.text
    assert not TrainingRun.objects.filter(kind="recommend").exists()


def test_a_replay_is_marked_everywhere_and_stands_apart_on_the_scorecard(
    carol: User, bob: User, browser_of: BrowserOf
) -> None:
    model, browser = advised(), browser_of(carol)
    run = started(browser.post(NEW, {"universe": "few", "when": "replay", "months": "3", "every": "week"}))
    page = browser.get(f"/runs/{run.run_id}/").text
    assert "days replayed" in page and "Show the recommendations" in page
    day = RecommendationSet.objects.newest_first()[0].as_of
    assert "Replay: said after the event" in browser.get("/recommendations/", {"version": model.version}).text
    started(browser.post("/recommendations/score"))
    run_describe(run=model.run, user=carol, changes={"name": "The old one"})
    card = browser_of(bob).get("/recommendations/scorecard/").text
    assert '<h2 class="section-title">Replays</h2>' in card and "Score now" not in card
    assert f'The old one <span class="run-id">{model.version}</span>' in card
    assert day < coverage_of("few").newest


def test_a_schedule_on_dead_data_is_stale_and_gives_one_notice(carol: User, browser_of: BrowserOf) -> None:
    model = advised()
    schedules_create(universe="few", user=carol)
    schedule = Schedule.objects.get(job="recommend")
    for _ in range(2):
        schedule_run_now(schedule=schedule, user=carol)
        schedule.refresh_from_db()
        assert carry(TrainingRun.objects.get(run_id=schedule.run_id)).status == Status.COMPLETED
    page = browser_of(carol).get("/schedules/").text
    assert ">stale</span>" in page and f"newest bar {day_of(419)}" in page
    notice = Notice.objects.get(kind="stale")
    assert (notice.subject, notice.kind, notice.day) == (model.version, "stale", day_of(419))


def test_viewers_see_no_button_and_may_not_ask(bob: User, alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(bob)
    assert "Recommend</a>" not in browser.get("/recommendations/").text
    assert browser.get(NEW).status_code == 403 and browser.post(NEW, {"universe": "few"}).status_code == 403
    assert browser_of(alice).post("/recommendations/score").status_code == 403

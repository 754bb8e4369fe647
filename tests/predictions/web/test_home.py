"""The home page: the newest advice, what changed, how it turned out, what is being done."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boursomatic.notices.models import NoticeKind
from boursomatic.notices.services import notice_make
from predictions.models import Recommendation, RecommendationSet
from predictions.recommendations.make import recommendations_make
from predictions.recommendations.score import recommendations_score
from tests.people import BrowserOf
from tests.predictions.advised import advised, day_of
from tests.training.run_builders import make_run
from training.models import Status

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def test_it_asks_for_a_login_and_welcomes(bob: User, client: Client, browser_of: BrowserOf) -> None:
    assert client.get("/")["Location"] == "/login/?next=/"
    page = browser_of(bob).get("/").text
    assert "From data to scored recommendations" in page and "No notices" in page and 'aria-current="page"' in page


def test_it_shows_todays_advice_changes_score_runs_and_notices(bob: User, alice: User, browser_of: BrowserOf) -> None:
    model, browser = advised(), browser_of(bob)
    first = browser.get("/").text
    assert (
        "No recommendations yet." in first and "No evidence of skill" in first and "Activated despite failed" in first
    )
    recommendations_make(model=model, as_of=day_of(405))
    assert "first day" in browser.get("/").text
    made, _ = recommendations_make(model=model, as_of=day_of(410))
    row = made.rows.order_by("rank")[0]
    other = "SELL" if row.label == "BUY" else "BUY"
    Recommendation.objects.filter(pk=row.pk).update(label=other)
    recommendations_score()
    run = make_run(alice, status=Status.RUNNING, series=row.series)
    notice_make(NoticeKind.FEATURES, model.version, "All is strange now.", day=made.as_of)
    page = browser.get("/").text
    assert made.as_of.isoformat() in page and f"{row.series.instrument.symbol}</strong> <span" in page
    assert f'SPY 1d, 2019-06-03 <span class="run-id">{run.run_id}' in page.replace(row.series.instrument.symbol, "SPY")
    assert "All is strange now." in page
    assert " matured: " in page or "none of them a BUY" in page


def test_it_recommends_now_for_who_may(carol: User, bob: User, browser_of: BrowserOf) -> None:
    advised()
    assert "Recommend now" in browser_of(carol).get("/").text and "Recommend now" not in browser_of(bob).get("/").text


def test_it_asks_as_little_for_many_days_as_for_two(bob: User, browser_of: BrowserOf) -> None:
    model, browser, counts = advised(), browser_of(bob), []
    for positions in ((402, 403), (404, 405, 406)):
        for position in positions:
            recommendations_make(model=model, as_of=day_of(position))
        with CaptureQueriesContext(connection) as queries:
            browser.get("/")
        counts.append(len(queries))
    assert counts[0] == counts[1] and RecommendationSet.objects.count() == 5


def test_it_lists_the_likeliest_buys_and_nothing_else(bob: User, browser_of: BrowserOf) -> None:
    made, _ = recommendations_make(model=advised(), as_of=day_of(410))
    browser, rows = browser_of(bob), list(made.rows.order_by("rank"))
    made.rows.update(label="HOLD")
    assert "No BUY on that day." in browser.get("/").text
    made.rows.filter(pk=rows[3].pk).update(label="BUY")
    assert browser.get("/").context["today"][0].best == [rows[3]]


def test_a_viewer_is_told_who_can_activate(bob: User, carol: User, browser_of: BrowserOf) -> None:
    recommendations_score()
    assert "Choose a model" not in browser_of(bob).get("/").text

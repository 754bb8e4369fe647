"""The page of a day's recommendations: chosen, sorted, explained, taken away; as quick however many are stored."""

import csv
import io
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from predictions.models import Recommendation, RecommendationSet
from predictions.recommendations.make import recommendations_make
from tests.people import BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from tests.training.results import universe_result
from tests.training.run_builders import make_model, make_run
from training.models import ModelVersion, Status

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def _made(position: int) -> RecommendationSet:
    model = ModelVersion.objects.select_related("run").first() or advised()
    return recommendations_make(model=model, as_of=day_of(position))[0]


def test_it_shows_the_newest_day_of_the_active_model(bob: User, browser_of: BrowserOf) -> None:
    assert "No recommendations yet" in browser_of(bob).get("/recommendations/").text
    made, newest = _made(410), _made(411)
    page = browser_of(bob).get("/recommendations/").text
    assert newest.as_of.isoformat() in page and f"day={made.as_of}" in page and newest.version in page
    assert page.count("<polyline") == 6 and page.count("pending") == 6
    assert "Nothing was recommended" in browser_of(bob).get("/recommendations/", {"day": "1999-01-01"}).text
    assert (
        browser_of(bob).get("/recommendations/", {"day": "x", "from": "y", "sort": "z", "label": "w"}).status_code
        == 200
    )


def test_it_filters_and_sorts(bob: User, browser_of: BrowserOf) -> None:
    made = _made(410)
    rows = {row.series.instrument.symbol: row for row in made.rows.light()}
    label = next(iter(rows.values())).label
    page = browser_of(bob).get("/recommendations/", {"label": label}).text
    for symbol, row in rows.items():
        assert (f"Why {symbol}" in page) == (row.label == label)
    for sort, key in (
        ("-p_sell", lambda s: -rows[s].p_sell),
        ("symbol", lambda s: s),
        ("rank", lambda s: rows[s].rank),
    ):
        page = browser_of(bob).get("/recommendations/", {"sort": sort}).text
        assert sorted(rows, key=key) == sorted(rows, key=lambda symbol: page.index(f"Why {symbol}"))


def test_it_says_why(bob: User, browser_of: BrowserOf) -> None:
    row = _made(410).rows.order_by("rank")[0]
    page = browser_of(bob).get(f"/recommendations/{row.pk}/why")
    assert f"Why {row.label} for {row.series.instrument.symbol}" in page.text and page.text.count("<rect") == 10
    fragment = browser_of(bob).get(f"/recommendations/{row.pk}/why", headers={"HX-Request": "true"})
    assert "<html" not in fragment.text and "<rect" in fragment.text
    Recommendation.objects.filter(pk=row.pk).update(
        label="", p_buy=None, p_hold=None, p_sell=None, expected_return=None, rank=None
    )
    assert "No recommendation was made" in browser_of(bob).get(f"/recommendations/{row.pk}/why").text
    assert browser_of(bob).get("/recommendations/999999/why").status_code == 404


def test_it_marks_what_was_said_in_sample_and_of_a_smaller_universe(bob: User, browser_of: BrowserOf) -> None:
    model = advised()
    made, _ = recommendations_make(model=model, as_of=day_of(TRAINED - 2), in_sample=True)
    RecommendationSet.objects.filter(pk=made.pk).update(lost=["ZZZ"])
    page = browser_of(bob).get("/recommendations/").text
    assert "count in no scorecard" in page and "left the universe: ZZZ" in page


def test_its_csv_holds_the_day_without_formulas(bob: User, browser_of: BrowserOf) -> None:
    made = _made(410)
    series = made.rows.all()[0].series
    series.instrument.symbol = "=A1"
    series.instrument.save()
    answer = browser_of(bob).get("/recommendations/", {"format": "csv"})
    assert answer["Content-Disposition"] == f'attachment; filename="recommendations-{made.as_of}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 6 and [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert "'=A1" in {row["symbol"] for row in rows} and all(row["version"] == made.version for row in rows)


def test_it_asks_as_many_queries_for_many_as_for_few(bob: User, browser_of: BrowserOf) -> None:
    made, browser, counts = _made(410), browser_of(bob), []
    Recommendation.objects.filter(set=made, rank__gt=1).delete()
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/recommendations/")
        counts.append(len(queries))
        for position in (411, 412):
            _made(position)
    assert counts[0] == counts[1]


def test_it_opens_with_the_universe_of_an_active_model_and_offers_the_others(bob: User, browser_of: BrowserOf) -> None:
    """Whichever universe was asked last, and of several active models that of the usual horizon."""
    own = _made(410)
    values = {
        field.attname: getattr(own, field.attname) for field in RecommendationSet._meta.fields if not field.primary_key
    }
    other = RecommendationSet.objects.create(**values | {"universe": "zoo", "version": "universe-of-the-zoo"})
    browser = browser_of(bob)
    page = browser.get("/recommendations/")
    assert page.context["recommendation_set"] == own and page.context["universes"] == ["few", "zoo"]
    assert browser.get("/recommendations/", {"universe": "zoo"}).context["recommendation_set"] == other
    switched = browser.get("/recommendations/", {"universe": "zoo", "version": own.version}).context
    assert switched["recommendation_set"] == other and switched["versions"] == [other.version]
    model = ModelVersion.objects.get()
    result = universe_result(universe="zoo")
    run = make_run(None, kind="universe", universe="zoo", status=Status.COMPLETED, result=result)
    usual = make_model(run, version=other.version, kind="universe", universe="zoo", horizon=20, series=None)
    ModelVersion.objects.filter(pk=usual.pk).update(is_active=True)
    assert model.horizon != 20 and browser.get("/recommendations/").context["recommendation_set"] == other


def test_its_reasons_open_below_their_row(bob: User, browser_of: BrowserOf) -> None:
    row = _made(410).rows.order_by("rank")[0]
    page = browser_of(bob).get("/recommendations/").text
    assert f'hx-target="#why-{row.pk}"' in page and f'<td colspan="12" id="why-{row.pk}"' in page
    assert "show:" not in page and 'type="date"' not in page


def test_no_page_of_it_has_a_picker_that_goes_by_the_browsers_language(carol: User, browser_of: BrowserOf) -> None:
    _made(410)
    browser = browser_of(carol)
    browser.post("/schedules/new", {"universe": "few"})
    for path in ("/recommendations/", "/schedules/", "/backtest/", "/models/history/", "/runs/"):
        assert not re.search(r'type="(date|time|datetime-local)"', browser.get(path).text), path

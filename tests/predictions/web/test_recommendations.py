"""The page of a day's recommendations: chosen, sorted, explained, taken away; as quick however many are stored."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from predictions.models import Recommendation, RecommendationSet
from predictions.recommendations.make import recommendations_make
from tests.people import BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from training.models import ModelVersion

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

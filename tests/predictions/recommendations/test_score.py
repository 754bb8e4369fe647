"""Scoring: each recommendation followed to its last bar, once; promised against delivered, by model."""

import io
import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.imports.services import bars_write
from instruments.models import PriceBar, Series
from instruments.quant.calendars import as_day
from instruments.store.read_bars import load_bars
from predictions.models import Recommendation, RecommendationSet
from predictions.quant.score import DayScore, hits, scorecard
from predictions.recommendations.make import recommendations_make
from predictions.recommendations.score import recommendations_score
from tests.market import change_bars
from tests.people import ApiOf, BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from tests.training.quant.noise import noise_bars


def _score() -> dict[str, Any]:
    out = io.StringIO()
    call_command("score_recommendations", "--json", stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


@pytest.mark.django_db
@pytest.mark.db_both
def test_it_follows_each_to_its_last_bar(bob: User, api: ApiOf) -> None:
    model = advised()
    made, _ = recommendations_make(model=model, as_of=day_of(410))
    recommendations_make(model=model, as_of=day_of(416))
    recommendations_make(model=model, as_of=day_of(TRAINED - 2), in_sample=True)
    said = _score()
    assert (said["scored"], said["pending"]) == (12, 6)
    for row in made.rows.light():
        bars = load_bars(row.series).adjusted()
        assert row.realised_return == pytest.approx(bars.close[415] / bars.close[410] - 1, abs=1e-15)
        came = "BUY" if row.realised_return >= 0.05 else "SELL" if row.realised_return <= -0.02 else "HOLD"
        assert row.hit == (row.label == came) and row.target_at and row.target_at.date() == day_of(415)
    card = said["by_version"][model.version]
    assert set(card) >= {"buys", "precision_buy", "promised", "interval"}
    bought = [row for row in made.rows.all() if row.label == "BUY"]
    assert (card["scored"], card["days"], card["buys"]) == (6, 1, len(bought))
    assert card["precision_buy"] == (sum(bool(row.hit) for row in bought) / len(bought) if bought else None)
    rows = api(bob).get("/api/recommendations", {"as_of": made.as_of.isoformat()}).json()
    assert all(isinstance(row["hit"], bool) and isinstance(row["realised_return"], float) for row in rows)


@pytest.mark.django_db
@pytest.mark.db_both
def test_it_never_rewrites_what_it_scored() -> None:
    model = advised()
    recommendations_make(model=model, as_of=day_of(410))
    assert recommendations_score() == 6 and recommendations_score() == 0
    before = list(Recommendation.objects.order_by("pk").values())
    change_bars(PriceBar.objects.all(), adj_close=7.0)
    assert recommendations_score() == 0
    assert list(Recommendation.objects.order_by("pk").values()) == before


@pytest.mark.django_db
@pytest.mark.db_both
def test_it_waits_for_bars_and_goes_on_without_those_that_went() -> None:
    model = advised()
    recommendations_make(model=model, as_of=day_of(418))
    gone, day = Series.objects.get(instrument__symbol="AAA"), day_of(418)
    assert recommendations_score() == 0
    for series in Series.objects.all():
        symbol = series.instrument.symbol
        later = noise_bars(430, seed=sum(map(ord, symbol)))
        bars_write(series=series, bars=later.slice(420, 430), source="made up")
    change_bars(PriceBar.objects.filter(series=gone, timestamp__date=day))
    assert recommendations_score() == 5
    assert Recommendation.objects.pending().get().series == gone
    assert RecommendationSet.objects.get().score["scored"] == 5


@pytest.mark.django_db
@pytest.mark.db_both
def test_those_that_ended_come_to_their_last_close_after_twice_the_horizon(bob: User, api: ApiOf) -> None:
    """AAA stops after two more bars, CCC at once; BBB pauses for so long that its fifth bar comes too late."""
    made, _ = recommendations_make(model=advised(), as_of=day_of(405))
    day = {place: day_of(place) for place in range(405, 420)}
    close = {s.instrument.symbol: load_bars(s).adjusted().close for s in Series.objects.select_related("instrument")}
    for symbol, gone in (("AAA", range(408, 420)), ("BBB", range(406, 414)), ("CCC", range(406, 420))):
        bars = PriceBar.objects.filter(series__instrument__symbol=symbol)
        change_bars(bars.filter(timestamp__date__in=[day[place] for place in gone]))
    later = PriceBar.objects.filter(timestamp__date__gte=day[415])
    stored = list(later.values())
    change_bars(later)
    assert recommendations_score() == 3  # nine counted days: the others go on to wait
    PriceBar.objects.bulk_create(PriceBar(**row) for row in stored)
    change_bars(PriceBar.objects.all(), source="made up")
    assert recommendations_score() == 3
    rows = {row.series.instrument.symbol: row for row in made.rows.light()}
    for symbol, last in (("AAA", 407), ("BBB", 415), ("CCC", 405)):
        row = rows[symbol]
        assert row.realised_return == pytest.approx(close[symbol][last] / close[symbol][405] - 1, abs=1e-15)
        assert row.target_at and row.target_at.date() == day[415] and row.flags[-1] == "ended"
    assert all("ended" not in rows[symbol].flags for symbol in rows.keys() - {"AAA", "BBB", "CCC"})
    assert not RecommendationSet.objects.get().is_open and recommendations_score() == 0
    listed = api(bob).get("/api/recommendations", {"as_of": made.as_of.isoformat()}).json()
    assert {row["symbol"] for row in listed if "ended" in row["flags"]} == {"AAA", "BBB", "CCC"}


def test_a_hit_is_what_falls_into_the_class_that_was_said() -> None:
    returns = np.array([0.05, 0.049, -0.02, -0.019, -0.5, 0.3])
    labels = np.array(["BUY", "BUY", "SELL", "HOLD", "SELL", "HOLD"])
    assert hits(labels, returns, buy=0.05, sell=-0.02).tolist() == [True, False, True, True, True, False]


def _days(count: int, **score: Any) -> list[tuple[date, DayScore]]:
    first = date(2024, 1, 1)
    return [(first + timedelta(days=7 * (i // 5) + i % 5), DayScore(**score)) for i in range(count)]


def test_its_interval_grows_where_neighbouring_days_fail_together() -> None:
    good, bad = {"scored": 10, "buys": 4, "buy_hits": 4}, {"scored": 10, "buys": 4, "buy_hits": 0}
    mixed = [(day, DayScore(**(good if i % 2 else bad))) for i, (day, _) in enumerate(_days(160))]
    waves = [(day, DayScore(**(good if i // 40 % 2 else bad))) for i, (day, _) in enumerate(_days(160))]
    widths = []
    for days in (mixed, waves):
        card = scorecard(days, horizon=20, tested=None, interval=None)
        assert card.delivered == 0.5 and card.delivered_interval
        widths.append(card.delivered_interval[1] - card.delivered_interval[0])
    assert widths[0] < 0.2 and widths[1] > 0.9


def test_its_blocks_are_of_sessions() -> None:
    good, bad = {"scored": 10, "buys": 4, "buy_hits": 3}, {"scored": 10, "buys": 4, "buy_hits": 1}
    first = date(2024, 1, 1)
    days = [(first + timedelta(days=i), DayScore(**(good if i // 40 % 2 else bad))) for i in range(160)]
    daily = np.arange(as_day(first), as_day(first) + 160)
    terms: dict[str, Any] = {"horizon": 20, "tested": None, "interval": None}
    by_weekdays, by_sessions = scorecard(days, **terms), scorecard(days, **terms, sessions=daily)
    assert by_weekdays.delivered == by_sessions.delivered == 0.5
    # Four blocks of 40 days, each good or bad, instead of three that cut through them: Student's t, 3 of freedom.
    half = 3.182446305284263 * np.sqrt(4 * (160 * 0.25) ** 2 * 4 / 3) / 640
    assert by_sessions.delivered_interval == pytest.approx([0.5 - half, 0.5 + half])
    assert by_weekdays.delivered_interval != by_sessions.delivered_interval


def test_it_falls_short_only_beyond_both_intervals() -> None:
    days = _days(120, scored=10, buys=4, buy_hits=1, promised=1.6, rose=2)

    def card(interval: list[float] | None) -> bool:
        return scorecard(days, horizon=20, tested=0.4, interval=interval).is_below

    assert card([0.3, 0.5]) and not card([0.2, 0.5]) and not card(None)
    assert not scorecard(days[:80], horizon=20, tested=0.4, interval=[0.3, 0.5]).is_below
    empty = scorecard([], horizon=20, tested=0.4, interval=[0.3, 0.5])
    assert (empty.buys, empty.promised, empty.base_rate, empty.is_below) == (0, None, None, False)


@pytest.mark.django_db
@pytest.mark.db_both
def test_its_page_asks_as_little_for_many_days_as_for_one(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    assert "Nothing to score yet" in browser.get("/recommendations/scorecard/").text
    model, counts = advised(), []
    for positions in ((405,), (406, 407, 408)):
        for position in positions:
            recommendations_make(model=model, as_of=day_of(position))
        recommendations_score()
        RecommendationSet.objects.update(score={**RecommendationSet.objects.all()[0].score, "buys": 2, "buy_hits": 1})
        with CaptureQueriesContext(connection) as queries:
            page = browser.get("/recommendations/scorecard/").text
        counts.append(len(queries))
    assert counts[0] == counts[1] and model.version in page and "50.0 %" in page


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_page_reads_the_days_once_and_of_the_models_that_it_shows(bob: User, browser_of: BrowserOf) -> None:
    model, browser = advised(), browser_of(bob)
    made, _ = recommendations_make(model=model, as_of=day_of(405))
    made.pk, made.version = None, "earlier"  # of a model that is gone
    made.save()
    recommendations_score()
    for address, needed in (("/recommendations/scorecard/", None), ("/", model.version)):
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        [days] = [query["sql"] for query in queries if '"score"' in query["sql"] and "LIMIT" not in query["sql"]]
        assert '"lost"' not in days and (needed is None or needed in days)

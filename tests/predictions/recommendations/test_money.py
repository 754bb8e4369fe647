"""Money of a model's recommendations: followed when scoring, the page beside equal weight, positions page by page."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from instruments.imports.services import bars_write
from instruments.models import PriceBar, Series
from instruments.store.read_bars import load_bars
from predictions.models import Label, Recommendation, RecommendationSet, Tranche
from predictions.quant.money import DAYS
from predictions.recommendations.make import recommendations_make
from predictions.recommendations.money import portfolios
from predictions.recommendations.score import recommendations_score
from predictions.web.presenters.positions import SIZE
from tests.market import change_bars
from tests.people import BrowserOf
from tests.predictions.advised import advised, day_of
from tests.training.quant.noise import noise_bars
from training.models import ModelVersion

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def _bought(position: int, *, replay: bool = False) -> RecommendationSet:
    """A set whose first three ranks are BUYs, whatever the model says."""
    model = ModelVersion.objects.select_related("run").first() or advised()
    made, _ = recommendations_make(model=model, as_of=day_of(position), replay=replay)
    made.rows.update(label=Label.HOLD)
    made.rows.filter(rank__lte=3).update(label=Label.BUY)
    return made


def _days(tranche: Tranche) -> Any:
    return np.frombuffer(bytes(tranche.days), dtype=DAYS)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def test_it_follows_each_set_from_the_next_open_to_the_horizons_close() -> None:
    made = _bought(405)
    recommendations_score()
    tranche = Tranche.objects.get()
    assert tranche.set == made and tranche.is_over
    assert _days(tranche)["day"].tolist() == [_number(day_of(position)) for position in range(406, 411)]
    rows = list(made.rows.filter(label="BUY").order_by("rank").select_related("series"))
    assert [position["row"] for position in tranche.positions] == [row.pk for row in rows]
    worth = []
    for row, position in zip(rows, tranche.positions, strict=True):
        bars = load_bars(row.series).adjusted()
        gross = bars.close[410] / bars.open[406] - 1
        assert position["gross"] == pytest.approx(gross) and position["bars"] == 5 and not position["is_open"]
        assert position["net"] == pytest.approx((1 + gross) * 0.9995**2 - 1)
        assert position["worst"] == pytest.approx(bars.low[406:411].min() / bars.open[406] - 1)
        assert position["best"] == pytest.approx(bars.high[406:411].max() / bars.open[406] - 1)
        worth.append(1 + position["net"])
    assert np.prod(1 + _days(tranche)["advice"]) == pytest.approx(np.mean(worth), abs=1e-6)


def test_it_goes_on_with_new_bars_and_leaves_what_is_sold() -> None:
    _bought(417)
    old = _bought(405)
    recommendations_score()
    open_one = Tranche.objects.exclude(set=old).get()
    assert len(_days(open_one)) == 2 and not open_one.is_over and open_one.positions[0]["is_open"]
    sold = bytes(Tranche.objects.get(set=old).days)
    for series in Series.objects.all():
        later = noise_bars(430, seed=sum(map(ord, series.instrument.symbol)))
        bars_write(series=series, bars=later.slice(420, 430), source="made up")
    change_bars(PriceBar.objects.filter(timestamp__date=day_of(406)), open=F("low"), adj_close=7.0)
    recommendations_score()
    gone_on = Tranche.objects.exclude(set=old).get()
    assert len(_days(gone_on)) == 5 and gone_on.is_over
    assert _days(gone_on)[:2].tolist() == _days(open_one).tolist()
    assert bytes(Tranche.objects.get(set=old).days) == sold


def test_sets_in_sample_earn_nothing_and_older_sets_are_caught_up() -> None:
    made = _bought(405)
    recommendations_score()
    Tranche.objects.all().delete()  # as after an upgrade
    RecommendationSet.objects.filter(pk=made.pk).update(in_sample=True)
    recommendations_score()
    assert not Tranche.objects.exists()
    RecommendationSet.objects.filter(pk=made.pk).update(in_sample=False)
    recommendations_score()
    assert Tranche.objects.get().is_over


def test_what_was_said_in_time_and_replays_have_money_of_their_own() -> None:
    said, replayed = _bought(405), _bought(411, replay=True)
    recommendations_score()
    version = said.version
    live, replay = (portfolios(replay=flag, versions=[version])[version] for flag in (False, True))
    assert live.days[0] == _number(day_of(406)) and replay.days[0] == _number(day_of(412))
    assert (live.shares, replay.shares) == (5, None)
    assert live.exposure.max() == pytest.approx(0.2) and replay.exposure.max() == pytest.approx(1.0)
    assert portfolios(replay=True, versions=["another"]) == {}
    assert replayed.version == version


def test_the_scorecard_shows_money_by_few_queries(bob: User, browser_of: BrowserOf) -> None:
    browser, counts = browser_of(bob), []
    for positions in ((405,), (406, 407)):
        for position in positions:
            _bought(position)
        recommendations_score()
        with CaptureQueriesContext(connection) as queries:
            page = browser.get("/recommendations/scorecard/").text
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "Equal weight of the same days" in page and "1/5 of the capital" in page and "5 bp a side" in page
    assert "Too few days to compare with equal weight: 7 of 63" in page and "too few days" in page
    assert "Worst drawdowns" in page and "Too few days: 7 of 63" in page


def test_many_days_have_intervals(bob: User, browser_of: BrowserOf) -> None:
    made = _bought(405)
    recommendations_score()
    tranche = Tranche.objects.get()
    days = 5
    for week in range(1, 20):
        made.pk, made.as_of = None, made.as_of + timedelta(days=7)
        made.save(force_insert=True)
        later = _days(tranche).copy()
        later["day"] += 7 * week
        Tranche.objects.create(set=made, is_over=True, days=later.tobytes(), positions=[])
        days += 5
    page = browser_of(bob).get("/recommendations/scorecard/").text
    assert f"{days} trading days" in page and "Above equal weight: <strong>" in page
    assert "Sharpe ratio of the last 63 trading days" in page


def test_its_positions_come_page_by_page_and_as_csv(bob: User, browser_of: BrowserOf) -> None:
    made = _bought(405)
    recommendations_score()
    browser, address = browser_of(bob), f"/recommendations/positions/{made.version}/"
    page = browser.get(address).text
    symbol = Recommendation.objects.get(set=made, rank=1).series.instrument.symbol
    assert f"/backtest/?symbol={symbol}&amp;timeframe=1d&amp;from=" in page and "Older" not in page
    assert day_of(406).isoformat() in page and day_of(410).isoformat() in page

    tranche, shown = Tranche.objects.get(), 3
    while shown <= 2 * SIZE + 10:
        made.pk, made.as_of = None, made.as_of + timedelta(days=1)
        made.save(force_insert=True)
        Tranche.objects.create(set=made, is_over=True, days=tranche.days, positions=tranche.positions)
        shown += 3
    rows, query = [], ""
    while True:
        page = browser.get(address + query).text
        rows += page.split('title="Open the chart')[1:]
        if "Older" not in page:
            break
        query = "?before=" + page.split("?before=", 1)[1].split('"', 1)[0]
    answer = browser.get(address, {"format": "csv"})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == len(table) == shown
    assert answer["Content-Disposition"].endswith(f'positions-{made.version}.csv"')
    assert table[-3]["symbol"] == symbol and float(table[-3]["net"]) == tranche.positions[0]["net"]
    assert "No positions" in browser.get(address, {"replay": "1"}).text
    assert browser.get(address, {"before": "x"}).status_code == 404

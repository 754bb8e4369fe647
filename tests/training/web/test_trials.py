"""The ledger of tries as a page."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.models import Series
from tests.market import FIRST_DAY, make_series
from tests.people import BrowserOf
from tests.training.run_builders import make_run
from training.models import Status, Try
from training.quant.stats.significance import holm
from training.web.presenters.trials import DRAWN, PAGE, ledger, ranked

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def enter(series: Series, *p_values: float | None) -> list[Try]:
    now = timezone.now()
    return Try.objects.bulk_create(
        Try(
            series=series,
            params_hash=f"{number:064d}",
            candle_at=FIRST_DAY + timedelta(days=number),
            run_id=f"run_{number}",
            p_value=p,
            made_at=now,
        )
        for number, p in enumerate(p_values)
    )


def test_it_ranks_by_p_and_counts_the_unconfirmed_as_one() -> None:
    found = ranked(enter(make_series(bars=5), 0.04, None, 0.001, 0.3))
    assert [row.p for row in found] == [0.001, 0.04, 0.3, None]
    assert [row.adjusted for row in found] == pytest.approx([0.004, 0.12, 0.6, 1.0])
    assert [row.holm for row in found] == pytest.approx([0.0125, 0.05 / 3, 0.025, 0.05])
    assert [row.is_evidence for row in found] == [True, False, False, False]


def test_it_adjusts_as_verdicts_do() -> None:
    p_values = [0.2, 0.013, None, 0.012, 0.013, 0.9]
    found = {row.run_id: row.adjusted for row in ranked(enter(make_series(bars=5), *p_values))}
    for number, p in enumerate(p_values):
        if p is not None:
            assert found[f"run_{number}"] == pytest.approx(holm(p_values, number))


def test_it_ends_the_evidence_at_the_first_try_above_the_line() -> None:
    found = ranked(enter(make_series(bars=5), 0.02, 0.021, 0.022))
    assert not any(row.is_evidence for row in found)  # 0.022 alone would be below 0.05


def test_it_draws_tries_against_holms_line(bob: User, browser_of: BrowserOf) -> None:
    series = make_series(bars=5)
    run = make_run(bob, series=series, status=Status.COMPLETED)
    tries = enter(series, 0.0004, None, 0.5)
    Try.objects.filter(pk=tries[2].pk).update(run_id=run.run_id)
    page = browser_of(bob).get("/trials/", {"symbol": "SPY", "timeframe": "1d"}).text
    assert page.count("<circle") == 3 and "holm-line" in page
    assert page.count("try-dot is-evidence") == 1 and page.count("try-dot is-unconfirmed") == 1
    assert "<strong>3</strong> tries" in page and "<strong>1</strong> not confirmed, counted as p = 1" in page
    assert f"/runs/{run.run_id}/" in page and page.count("deleted</span>") == 2


def test_it_begins_with_the_series_that_was_tried_last(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    assert "No tries yet" in browser.get("/trials/").text
    enter(make_series("SPY", bars=5), 0.5)
    enter(make_series("IBM", bars=5), 0.5)
    assert "Tries on IBM" in browser.get("/trials/").text
    assert "Tries on SPY" in browser.get("/trials/", {"symbol": "SPY"}).text
    assert "No tries on SPY 1h yet" in browser.get("/trials/", {"symbol": "SPY", "timeframe": "1h"}).text
    assert "No tries on &lt;b&gt;" in browser.get("/trials/", {"symbol": "<b>"}).text


def test_it_shows_page_by_page_with_few_queries(bob: User, browser_of: BrowserOf) -> None:
    series = make_series(bars=5)
    enter(series, *([0.5] * (DRAWN + 50)))
    found = ledger(series, after=DRAWN)
    assert (len(found.rows), found.rows[0].rank, found.following) == (50, DRAWN + 1, None)
    assert ledger(series).following == PAGE
    assert found.picture is not None and len(found.picture.dots) == DRAWN
    browser = browser_of(bob)
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/trials/").text.count("<tr>") == PAGE + 1
    assert len(queries) <= 12


@pytest.mark.parametrize("after", ["x", "-1", "9" * 25, "²", "5000"])
def test_it_takes_any_rubbish_for_a_page(bob: User, browser_of: BrowserOf, after: str) -> None:
    enter(make_series(bars=5), 0.5)
    assert browser_of(bob).get("/trials/", {"after": after}).status_code == 200


@pytest.mark.parametrize("p_values", [(1.0,), (1e-20,), (0.05,), (None, None)])
def test_it_keeps_every_point_within_its_box(p_values: tuple[float | None, ...]) -> None:
    series = make_series(bars=5)
    enter(series, *p_values)
    picture = ledger(series).picture
    assert picture is not None
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= picture.height for dot in picture.dots)
    assert all(0 <= y <= picture.height for y, _ in picture.levels)


def test_it_redirects_its_old_address(bob: User, browser_of: BrowserOf) -> None:
    moved = browser_of(bob).get("/tries/", {"symbol": "SPY", "timeframe": "1d"})
    assert (moved.status_code, moved["Location"]) == (301, "/trials/?symbol=SPY&timeframe=1d")

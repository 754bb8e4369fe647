"""The Trials page: verdicts as they were fixed, and Holm over all of them for information."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.models import Series
from tests.market import FIRST_DAY, make_series
from tests.people import BrowserOf
from tests.training.results import universe_result
from tests.training.run_builders import enter_universe, make_run
from training.models import Status, Trial
from training.quant.candle.verdict import label_of
from training.quant.stats.multiple_testing import holm_adjusted, trial_level
from training.web.presenters.trials import DRAWN, READ, Row, ranked, trial_log, trial_rows
from training.web.tables import TRIALS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def rows_of(series: Series) -> list[Row]:
    """All of its ledger's, as they are ranked."""
    ledger = Trial.objects.filter(series=series)
    return trial_rows(ledger, list(ranked(ledger)), ledger.count())


def enter(series: Series, *p_values: float | None) -> list[Trial]:
    """Confirmed with these p-values, in this order."""
    now = timezone.now()
    return Trial.objects.bulk_create(
        Trial(
            kind="candle",
            scope=f"{series.instrument.symbol} {series.timeframe}",
            series=series,
            params_hash=f"{number:064d}",
            as_of=FIRST_DAY + timedelta(days=number),
            run_id=f"run_{number}",
            k=number + 1,
            level=trial_level(number + 1),
            p_value=p,
            label=label_of(p, level=trial_level(number + 1)),
            made_at=now,
        )
        for number, p in enumerate(p_values)
    )


def test_it_ranks_by_p_and_counts_the_unconfirmed_as_one() -> None:
    series = make_series(bars=5)
    enter(series, 0.04, None, 0.001, 0.3)
    rows = rows_of(series)
    assert [row.p for row in rows] == [0.001, 0.04, 0.3, None]
    assert [row.k for row in rows] == [3, 1, 4, 2]
    assert [row.adjusted for row in rows] == pytest.approx([0.004, 0.12, 0.6, 1.0])


@pytest.mark.parametrize("smallest", [1e-9, 0.001, 0.3])
def test_it_adjusts_as_holm_does_however_many_are_small(smallest: float) -> None:
    """Among more than are read at a time, with equal ones."""
    series = make_series(bars=5)
    p_values = [smallest * (1 + number // 2) if number % 3 else None for number in range(READ + 200)]
    enter(series, *(p if p is None else min(1.0, p) for p in p_values))
    rows = rows_of(series)
    assert [row.adjusted for row in rows] == pytest.approx(holm_adjusted([row.p for row in rows]).tolist())


def test_it_shows_the_verdict_that_was_fixed_whatever_holm_says_today() -> None:
    series, other = make_series(bars=5), make_series("IBM", bars=5)
    enter(series, 0.02, 0.9, 0.004)
    rows = rows_of(series)
    assert [(row.k, row.verdict, row.level_words) for row in rows] == [
        (3, "evidence", "0.0042"),
        (1, "evidence", "0.025"),
        (2, "no evidence", "0.0083"),
    ]
    enter(other, 0.9, 0.9, 0.9, 0.0026)
    weak = rows_of(other)
    assert weak[0].verdict == "weak sign" and weak[0].adjusted < 0.05


def test_it_draws_trials_against_holms_line(bob: User, browser_of: BrowserOf) -> None:
    series = make_series(bars=5)
    run = make_run(bob, series=series, status=Status.COMPLETED)
    trials = enter(series, 0.0004, None, 0.5)
    Trial.objects.filter(pk=trials[2].pk).update(run_id=run.run_id)
    page = browser_of(bob).get("/trials/", {"symbol": "SPY", "timeframe": "1d"}).text
    assert page.count("<circle") == 3 and "holm-line" in page
    assert page.count("trial-dot is-evidence") == 1 and page.count("trial-dot is-unconfirmed") == 1
    assert "<strong>3</strong> trials" in page and "<strong>1</strong> not confirmed" in page
    assert "The next is at least the 4th trial on SPY: needs p &lt; 0.0025" in page
    assert "Over the team's 1 list of trials luck alone would give up to 0.04 false" in page
    assert f"/runs/{run.run_id}/" in page and page.count("deleted</span>") == 2


def test_it_shows_a_p_value_however_small_it_is(bob: User, browser_of: BrowserOf) -> None:
    enter(make_series(bars=5), 3.2e-7, 0.21)
    page = browser_of(bob).get("/trials/", {"symbol": "SPY", "timeframe": "1d"}).text
    assert page.count("3e-7") == 2 and "6e-7" in page and "0.21" in page and "0.0000" not in page


def test_it_begins_with_the_series_that_was_tried_last(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    assert "No trials yet" in browser.get("/trials/").text
    enter(make_series("SPY", bars=5), 0.5)
    enter(make_series("IBM", bars=5), 0.5)
    assert "Trials on IBM" in browser.get("/trials/").text
    assert "Trials on SPY" in browser.get("/trials/", {"symbol": "SPY"}).text
    assert "No trials on SPY 1h yet" in browser.get("/trials/", {"symbol": "SPY", "timeframe": "1h"}).text
    assert "No trials on &lt;b&gt;" in browser.get("/trials/", {"symbol": "<b>"}).text


def test_it_shows_the_trials_of_universes_that_share_members(bob: User, browser_of: BrowserOf) -> None:
    for number, (universe, members) in enumerate((("few", (1, 2, 3)), ("others", (5, 6)), ("more", (1, 2, 3, 4)))):
        result = universe_result(universe=universe, p_value=0.2)
        run = make_run(bob, kind="universe", universe=universe, status=Status.COMPLETED, result=result)
        enter_universe(run, *members, data_hash=str(number))
    browser = browser_of(bob)
    assert "Trials on more" in browser.get("/trials/").text
    for name, count in (("more", 2), ("few", 2), ("others", 1)):
        page = browser.get("/trials/", {"universe": name}).text
        assert page.count("<circle") == count and f"at least the {count + 1}" in page
        assert "Over the team's 2 lists of trials" in page
    assert "No trials on nothing yet" in browser.get("/trials/", {"universe": "nothing"}).text


def test_it_is_found_where_it_was(bob: User, browser_of: BrowserOf) -> None:
    answer = browser_of(bob).get("/tries/?symbol=SPY&timeframe=1d")
    assert (answer.status_code, answer["Location"]) == (301, "/trials/?symbol=SPY&timeframe=1d")


def test_it_shows_page_by_page_with_few_queries(bob: User, browser_of: BrowserOf) -> None:
    series = make_series(bars=5)
    trials = enter(series, *([0.5] * (DRAWN + 50)))
    log = trial_log(Trial.objects.filter(series=series), on="SPY")
    assert log is not None and len(log.picture.dots) == DRAWN
    browser = browser_of(bob)
    with CaptureQueriesContext(connection) as queries:
        first = browser.get("/trials/").text
    assert first.count("<tr>") == TRIALS.size + 1 and f"after={trials[TRIALS.size - 1].pk}" in first
    assert len(queries) <= 23
    last = browser.get("/trials/", {"after": trials[DRAWN - 1].pk}).text
    assert last.count("<tr>") == 50 + 1 and 'rel="next"' not in last


def test_it_filters_by_verdict_and_sorts_within_the_same_log(bob: User, browser_of: BrowserOf) -> None:
    enter(make_series(bars=5), 0.0004, 0.9, 0.5)
    enter(make_series("IBM", bars=5), 0.5)
    browser = browser_of(bob)
    page = browser.get("/trials/", {"symbol": "SPY", "verdict": "no_evidence", "sort": "-trial"}).text
    numbers = re.findall(r'<td class="num">(\d+)</td>', page)
    assert numbers == ["3", "2"] and "<strong>3</strong> trials" in page
    assert "symbol=SPY&amp;verdict=no_evidence&amp;timeframe=1d&amp;sort=trial" in page
    text = browser.get("/trials/", {"symbol": "SPY", "format": "csv"}).getvalue().decode()
    assert [line.split(",")[0] for line in text.splitlines()] == ["trial", "1", "3", "2"]


@pytest.mark.parametrize("after", ["x", "-1", "9" * 25, "²", "5000"])
def test_it_takes_any_rubbish_for_a_page(bob: User, browser_of: BrowserOf, after: str) -> None:
    enter(make_series(bars=5), 0.5)
    assert browser_of(bob).get("/trials/", {"after": after}).status_code == 200


@pytest.mark.parametrize("p_values", [(1.0,), (1e-20,), (0.05,), (None, None)])
def test_it_keeps_every_point_within_its_box(p_values: tuple[float | None, ...]) -> None:
    series = make_series(bars=5)
    enter(series, *p_values)
    log = trial_log(Trial.objects.filter(series=series), on="SPY")
    assert log is not None
    picture = log.picture
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= picture.height for dot in picture.dots)
    assert all(0 <= y <= picture.height for y, _ in picture.levels)


def test_it_redirects_its_old_address(bob: User, browser_of: BrowserOf) -> None:
    moved = browser_of(bob).get("/tries/", {"symbol": "SPY", "timeframe": "1d"})
    assert (moved.status_code, moved["Location"]) == (301, "/trials/?symbol=SPY&timeframe=1d")

"""Tables: sorted by any column that says so, page by page without a gap, counted, and as CSV."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from boursomatic.shared import tables
from boursomatic.shared.tables import Order, csv_response, sorted_lines
from tests.market import FIRST_DAY, make_series
from tests.people import BrowserOf
from tests.training.run_builders import make_run
from training.models import Status, TrainingRun
from training.runs.annotations import run_describe
from training.web.tables import RUNS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
RUN_ID = re.compile(r'href="/runs/(2024\w+)/"')
LINK = {name: re.compile(rf'rel="{name}" href="([^"]+)"') for name in ("prev", "next")}


@pytest.fixture
def runs(alice: User, carol: User) -> list[TrainingRun]:
    """Three pages and a half of them, with equal and missing values in every column."""
    series = [make_series("SPY", bars=5), None, make_series("IBM", bars=5)]
    return [
        make_run(
            (alice, carol)[number % 2],
            series=series[number % 3],
            status=(Status.COMPLETED, Status.FAILED)[number % 2],
            candle_at=FIRST_DAY + timedelta(days=number % 7) if number % 5 else None,
            auc=number % 11 / 10 if number % 4 else None,
            universe=None if number % 3 != 1 else "few",
        )
        for number in range(RUNS.size * 7 // 2)
    ]


def _walk(browser: Client, address: str, link: str) -> list[list[str]]:
    """The run ids of each page from this one on."""
    pages = []
    while address:
        page = browser.get(f"/runs/{address}").text
        pages.append(RUN_ID.findall(page))
        further = LINK[link].search(page)
        address = further[1].replace("&amp;", "&") if further else ""
    return pages


@pytest.mark.slow
@pytest.mark.parametrize("name", [column.name for column in RUNS.columns if column.sort])
@pytest.mark.parametrize("sign", ["", "-"])
def test_it_sorts_page_by_page_without_a_gap_and_back(
    runs: list[TrainingRun], alice: User, browser_of: BrowserOf, name: str, sign: str
) -> None:
    browser = browser_of(alice)
    forth = _walk(browser, f"?sort={sign}{name}", "next")
    assert [len(page) for page in forth] == [RUNS.size] * 3 + [RUNS.size // 2]
    seen = [run_id for page in forth for run_id in page]
    assert sorted(seen) == sorted(run.run_id for run in runs)
    lines = {run.run_id: _cells(run) for run in runs}
    cells = [lines[run_id][name] for run_id in seen]
    filled = [cell for cell in cells if cell is not None]
    assert cells[: len(filled)] == filled == sorted(filled, reverse=sign == "-")
    last = runs[[run.run_id for run in runs].index(seen[RUNS.size * 3])]
    back = _walk(browser, f"?sort={sign}{name}&before={last.pk}", "prev")
    assert back[::-1] == forth[:3]


def _cells(run: TrainingRun) -> dict[str, Any]:
    assert run.created_by is not None
    return {
        "run": None,
        "subject": run.series.instrument.symbol if run.series else run.universe,
        "candle": run.candle_at,
        "status": run.status,
        "auc": run.auc,
        "person": run.created_by.username,
        "submitted": run.pk,
    }


def test_it_says_in_the_headings_what_it_is_sorted_by(
    runs: list[TrainingRun], alice: User, browser_of: BrowserOf
) -> None:
    page = browser_of(alice).get("/runs/", {"status": "failed", "sort": "-auc"}).text
    assert page.count("aria-sort=") == 1
    assert re.search(
        r'class="cell-auc num" aria-sort="descending"><a class="sort-link" href="\?status=failed&amp;', page
    )
    assert 'href="?status=failed&amp;sort=auc"' in page and 'href="?status=failed&amp;sort=subject"' in page
    assert '<input type="hidden" name="sort" value="-auc">' in page
    assert "aria-sort" not in browser_of(alice).get("/runs/", {"sort": "verdict"}).text


def test_a_run_that_was_swept_meanwhile_begins_the_table_anew(
    runs: list[TrainingRun], alice: User, browser_of: BrowserOf
) -> None:
    page = browser_of(alice).get("/runs/", {"sort": "-auc", "after": 10**9}).text
    assert len(RUN_ID.findall(page)) == RUNS.size


def test_it_counts_what_the_filters_leave_up_to_a_bound(
    runs: list[TrainingRun], alice: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(alice)
    assert f"{len(runs)} runs" in browser.get("/runs/").text
    assert f"{len(runs)} runs" in browser.get("/runs/", {"after": runs[60].pk}).text
    assert f"{len(runs[1::2])} runs" in browser.get("/runs/", {"status": "failed"}).text
    monkeypatch.setattr(tables, "COUNTED", 60)
    assert "60+ runs" in browser.get("/runs/").text


def test_its_csv_holds_all_rows_in_order_without_formulas(
    runs: list[TrainingRun], alice: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK", 40)
    run_describe(run=runs[1], user=alice, changes={"name": "=1+1", "tags": ("hay", "needle")})
    answer = browser_of(alice).get("/runs/", {"format": "csv", "status": "failed", "sort": "auc"})
    assert answer["Content-Disposition"] == 'attachment; filename="runs.csv"'
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert list(rows[0]) == [column.name for column in RUNS.columns + RUNS.more]
    failed = {run.run_id: run for run in runs[1::2]}
    assert {row["run"] for row in rows} == set(failed) and len(rows) == len(failed)
    order = [failed[row["run"]].auc for row in rows]
    assert order == sorted(order, key=lambda auc: (auc is None, auc))
    named = next(row for row in rows if row["run"] == runs[1].run_id)
    assert (named["name"], named["tags"], named["status"]) == ("'=1+1", "hay needle", "failed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", named["submitted"])


def test_lines_in_memory_are_sorted_by_value_those_without_last() -> None:
    table = tables.Table[tuple[int | None, str]](
        tables.TableName.RUNS,
        (
            tables.Column("number", "Number", lambda line: line[0], sort=tables.BY_VALUE),
            tables.Column("word", "Word", lambda line: line[1]),
        ),
    )
    lines = [(2, "b"), (None, "n"), (3, "c"), (2, "a")]
    order = table.order_of("-number")
    assert sorted_lines(table, lines, order) == [(3, "c"), (2, "b"), (2, "a"), (None, "n")]
    assert table.order_of("word") == Order("", "pk", True)
    assert sorted_lines(table, lines, table.order_of("")) == lines
    assert csv_response(table, [lines]).getvalue() == b"number,word\n2,b\n,n\n3,c\n2,a\n"

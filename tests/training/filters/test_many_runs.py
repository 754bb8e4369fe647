"""A hundred thousand runs: pages and filters read as much as one page shows, whatever is asked."""

import re
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.training.thousands import COUNT, completed, confirmed, multiply
from training.models import TrainingRun
from training.recipes.kinds import listed_kinds
from training.runs.annotations import run_describe
from training.web.tables import RUNS

pytestmark = [pytest.mark.db_both, pytest.mark.slow]
ADDRESS = "/api/training/runs"
KEYS = 'SELECT "training_trainingrun"."id" AS "pk" FROM'
FILTERS = [
    {},
    {"symbol": "SPY", "timeframe": "1d", "status": "completed"},
    {"verdict": "evidence"},
    {"verdict": "weak"},
    {"verdict": "no_evidence"},
    {"confirmed": "yes", "p_max": "0.9", "auc_min": "0.5"},
    {"confirmed": "no"},
    {"text": "needle"},
    {"tag": "hay needle", "pinned": "yes"},
    {"kind": "universe"},
    {"protocol": "poc", "feature_set": "poc16", "person": "alice"},
    {"candle_from": "2019-01-01", "created_to": "2020-01-01", "pooled_auc_min": "0.9"},
]


@pytest.fixture
def needle(alice: User) -> TrainingRun:
    """One run that is something among a hundred thousand that are nothing."""
    run = completed(alice, series=make_series("SPY", bars=5), p_value=0.01)
    confirmed(run, p_value=1e-6)
    hay = completed(alice, series=run.series)
    confirmed(hay, p_value=0.4)
    multiply(hay)
    run_describe(run=run, user=alice, changes={"name": "The needle", "tags": ("hay", "needle"), "pinned": True})
    return run


def test_it_filters_a_hundred_thousand_runs_by_reading_a_page_of_them(
    needle: TrainingRun, alice: User, browser_of: BrowserOf, api: ApiOf
) -> None:
    assert TrainingRun.objects.existing().of_kinds(listed_kinds()).count() == COUNT + 2
    browser, program = browser_of(alice), api(alice)
    program.get(ADDRESS)  # notes the token's use
    found: dict[str, list[str]] = {}
    for query in FILTERS:
        for ask in (
            partial(browser.get, "/runs/", query),
            partial(program.get, ADDRESS, {**query, "limit": RUNS.size}),
        ):
            with CaptureQueriesContext(connection) as seen:
                answer = ask()
            assert answer.status_code == 200, query
            _is_bounded([one["sql"] for one in seen.captured_queries])
        found[str(query)] = [run["run_id"] for run in answer.json()]
    for query in ({"verdict": "evidence"}, {"text": "needle"}, {"tag": "hay needle", "pinned": "yes"}):
        assert found[str(query)] == [needle.run_id]
    assert len(found[str({"verdict": "no_evidence"})]) == RUNS.size
    assert found[str({"verdict": "weak"})] == []
    for column in RUNS.columns:
        if column.sort:
            _sorts(browser, column.name, after=needle.pk)
    _walk_pages(program)


def _sorts(browser: Client, name: str, *, after: int) -> None:
    """By any column, the first page and a later one, as bounded as without an order."""
    for query in ({"sort": name}, {"sort": f"-{name}", "after": after, "status": "completed"}):
        with CaptureQueriesContext(connection) as seen:
            answer = browser.get("/runs/", query)
        assert answer.status_code == 200, query
        # PostgreSQL reads an index alone only where VACUUM has been, which no transaction may call.
        _is_bounded([one["sql"] for one in seen.captured_queries], is_planned=connection.vendor == "sqlite")


def _is_bounded(queries: list[str], *, is_planned: bool = True) -> None:
    """Few; nothing counts all runs; whole runs are read by their keys; the keys come from the index of the list."""
    assert len(queries) <= 22
    assert [sql for sql in queries if "COUNT(*)" in sql and not re.search(r"LIMIT \d{1,5}\)", sql)] == []
    for sql in queries:
        if '"training_trainingrun"."result"' in sql:
            assert re.search(r'"(id|run_id|subject_id)" (IN \(\d|= )', sql), sql
    keys = next(sql for sql in queries if sql.startswith(KEYS))
    assert "LIMIT" in keys
    if not is_planned:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{keys}")
        plan = str(cursor.fetchall())
    if connection.vendor == "sqlite":
        assert not re.search(r" training_trainingrun(?! USING (COVERING|INTEGER))", plan), plan
    else:
        assert "Seq Scan on training_trainingrun" not in plan, plan


def _walk_pages(program: APIClient) -> None:
    """The address of the next page carries the filters along."""
    seen: list[str] = []
    address = f"{ADDRESS}?verdict=no_evidence&p_min=0.3&limit=200"
    for _ in range(3):
        answer = program.get(address)
        seen += [run["run_id"] for run in answer.json()]
        link = re.fullmatch(r'<http://testserver(.+)>; rel="next"', answer["Link"])
        assert link and "verdict=no_evidence" in link[1] and "p_min=0.3" in link[1]
        address = link[1]
    assert len(set(seen)) == 600

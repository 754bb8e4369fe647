from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.market import make_series
from tests.people import ApiOf
from tests.training.run_builders import make_run
from training.models import Status

pytestmark = pytest.mark.db_both
ADDRESS = "/api/training/poc-runs"


def _ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [run["run_id"] for run in answer.json()]


def test_it_lists_everybodys_runs_newest_first(alice: User, bob: User, carol: User, api: ApiOf) -> None:
    runs = [make_run(alice), make_run(carol, status=Status.COMPLETED), make_run(None, status=Status.FAILED)]
    assert _ids(api(bob).get(ADDRESS)) == [run.run_id for run in reversed(runs)]


def test_it_leaves_out_deleted_runs(alice: User, api: ApiOf) -> None:
    make_run(alice, status=Status.COMPLETED, deleted_at=timezone.now())
    assert _ids(api(alice).get(ADDRESS)) == []


def test_it_filters(alice: User, carol: User, api: ApiOf) -> None:
    spy, ibm = make_series("SPY", bars=5), make_series("IBM", bars=5)
    one = make_run(alice, series=spy, status=Status.COMPLETED)
    two = make_run(carol, series=ibm)
    program = api(alice)
    assert _ids(program.get(ADDRESS, {"status": "completed"})) == [one.run_id]
    assert _ids(program.get(ADDRESS, {"symbol": "IBM"})) == [two.run_id]
    assert _ids(program.get(ADDRESS, {"person": "carol"})) == [two.run_id]
    assert _ids(program.get(ADDRESS, {"mine": "1"})) == [one.run_id]
    assert _ids(program.get(ADDRESS, {"mine": "0"})) == [two.run_id, one.run_id]
    assert _ids(program.get(ADDRESS, {"mine": "1", "status": "queued"})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"statsu": "completed"},
        {"symbol": "\x00"},
        {"symbol": "NOPE"},
        {"person": "nobody"},
        {"mine": "yes"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "9" * 25},
        {"limit": "-1"},
        {"limit": "1e2"},
        {"limit": "١"},
        {"limit": ""},
        {"before": "x"},
        {"before": "9" * 19},
        {"before": "9" * 20},
    ],
)
def test_it_answers_rubbish_clearly(alice: User, api: ApiOf, query: dict[str, str]) -> None:
    answer = api(alice).get(ADDRESS, query)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == list(query)


def test_it_links_to_the_next_page_until_there_is_none(alice: User, api: ApiOf) -> None:
    runs = [make_run(alice) for _ in range(7)]
    make_run(None)
    seen: list[str] = []
    address: str | None = f"{ADDRESS}?limit=3&mine=1"
    pages = 0
    while address:
        answer = api(alice).get(address)
        seen += _ids(answer)
        pages += 1
        link = answer.get("Link")
        assert link is None or link.endswith('>; rel="next"')
        address = link and _path(link[1 : link.index(">")])
    assert pages == 3
    assert seen == [run.run_id for run in reversed(runs)]


def _path(address: str) -> str:
    parts = urlparse(address)
    assert parts.scheme == "http" and parts.netloc == "testserver"
    return f"{parts.path}?{parts.query}"


def test_it_gives_no_link_where_a_page_is_just_full(alice: User, api: ApiOf) -> None:
    for _ in range(3):
        make_run(alice)
    assert "Link" not in api(alice).get(ADDRESS, {"limit": "3"})


@pytest.mark.parametrize("address", [ADDRESS, "/api/training/runs"])
def test_it_asks_the_database_as_often_for_many_runs_as_for_one(alice: User, api: ApiOf, address: str) -> None:
    program, spy = api(alice), make_series("SPY", bars=5)
    program.get(address)  # notes the token's use

    def queries(count: int, ask: Callable[[], Any]) -> int:
        for _ in range(count):
            make_run(alice, series=spy)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert ask().status_code == 200
        return len(seen)

    few = queries(1, lambda: program.get(address))
    assert queries(20, lambda: program.get(address)) == few <= 7


def test_it_is_for_members(bob: User, stranger: User, api: ApiOf) -> None:
    assert api().get(ADDRESS).status_code == 401
    assert api(stranger).get(ADDRESS).status_code == 403
    assert api(bob).get(ADDRESS).status_code == 200
    assert api(bob).post(ADDRESS, {}).status_code == 405

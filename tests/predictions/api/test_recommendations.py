"""GET /api/recommendations: filters, pages, fields, and refusals."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from predictions.recommendations.make import recommendations_make
from tests.people import ApiOf
from tests.predictions.advised import advised, day_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
FIELDS = {"symbol", "label", "p_buy", "p_hold", "p_sell", "expected_return", "rank", "flags", "version", "as_of",
          "made_at", "realised_return", "hit"}  # fmt: skip
ADDRESS = "/api/recommendations"


def test_it_lists_what_was_recommended_newest_day_and_best_first(bob: User, api: ApiOf) -> None:
    assert api(bob).get(ADDRESS).json() == []
    model, days = advised(), [day_of(410), day_of(411)]
    for day in days:
        recommendations_make(model=model, as_of=day)
    rows = api(bob).get(ADDRESS).json()
    assert all(set(row) >= FIELDS for row in rows)
    assert [(row["as_of"], row["rank"]) for row in rows] == [
        (day.isoformat(), rank) for day in reversed(days) for rank in range(1, 7)
    ]
    assert {(row["version"], row["realised_return"], row["hit"]) for row in rows} == {(model.version, None, None)}
    first = api(bob).get(ADDRESS, {"as_of": days[0].isoformat()}).json()
    assert first == rows[6:]
    label = rows[0]["label"]
    chosen = api(bob).get(ADDRESS, {"label": label, "version": model.version, "symbol": rows[0]["symbol"]}).json()
    assert rows[0] in chosen and {(row["label"], row["symbol"]) for row in chosen} == {(label, rows[0]["symbol"])}
    assert api(bob).get(ADDRESS, {"version": "another"}).json() == []


def test_it_goes_page_by_page_with_as_many_queries_for_each(bob: User, api: ApiOf) -> None:
    model, program = advised(), api(bob)
    for position in (410, 411):
        recommendations_make(model=model, as_of=day_of(position))
    program.get(ADDRESS)  # the first use of a token is noted
    counts = []
    for limit in ("1", "10"):
        with CaptureQueriesContext(connection) as queries:
            page = program.get(ADDRESS, {"limit": limit})
        counts.append(len(queries))
    assert counts[0] == counts[1]
    following = page["Link"].partition("<")[2].partition(">")[0]
    assert len(page.json()) == 10 and [row["rank"] for row in program.get(following).json()] == [5, 6]


@pytest.mark.parametrize("query", [{"as_of": "someday"}, {"label": "buy"}, {"symbl": "A"}, {"limit": "0"}])
def test_it_refuses_what_it_does_not_know(query: dict[str, str], bob: User, stranger: User, api: ApiOf) -> None:
    answer = api(bob).get(ADDRESS, query)
    assert answer.status_code == 400 and set(answer.json()) == set(query)
    assert api(stranger).get(ADDRESS).status_code == 403 and api().get(ADDRESS).status_code == 401

"""Members of a universe with their dates over REST."""

import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Scope
from instruments.models import Instrument, Universe, UniverseMember
from tests.people import ApiOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/universes/few/members"


@pytest.fixture(autouse=True)
def _instruments() -> None:
    Instrument.objects.bulk_create(Instrument(symbol=symbol) for symbol in ("AAA", "BBB"))


def test_members_are_stored_as_json_or_csv_and_read_again(bob: User, carol: User, api: ApiOf) -> None:
    program = api(carol)
    assert program.get(ADDRESS).status_code == 404
    rows = [{"symbol": "AAA", "from": None, "to": "2018-01-31"}, {"symbol": "AAA", "from": "2018-03-01"}]
    answer = program.post(ADDRESS, rows, format="json")
    assert answer.status_code == 200 and answer.json()["inserted"] == 2
    text = "symbol,from,to\nAAA,,2018-01-31\nAAA,2018-03-01,\nBBB,,\n"
    report = program.post(ADDRESS, text, content_type="text/csv").json()
    assert (report["inserted"], report["unchanged"], report["removed"]) == (1, 2, 0)
    newest = api(bob).get(ADDRESS, {"limit": 2})
    assert newest.json() == [
        {"symbol": "BBB", "from": None, "to": None},
        {"symbol": "AAA", "from": "2018-03-01", "to": None},
    ]
    assert 'rel="next"' in newest["Link"]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], "Send an array of objects"),
        ({"symbol": "AAA"}, "Send an array of objects"),
        ([{"symbol": "AAA", "until": "2018-01-31"}], "unknown field 'until'"),
        ([{"symbol": "AAA", "from": 2018}], "Row 1: symbol is a text"),
        ([{"from": "2018-01-31"}], "Row 1: symbol is a text"),
        ([{"symbol": "AAA"}, {"symbol": "NOPE"}], "row 2: No instrument is called so"),
        ([{"symbol": "AAA", "to": "31/01/2018"}], "row 1: to is '31/01/2018'"),
        ([{"symbol": "AAA"}, {"symbol": "AAA", "from": "2018-01-31"}], "row 2: Some of these days"),
    ],
)
def test_one_bad_row_and_nothing_is_stored(sent: object, reason: str, carol: User, api: ApiOf) -> None:
    answer = api(carol).post(ADDRESS, sent, format="json")
    assert answer.status_code == 400 and reason in answer.json()["detail"], answer.json()
    assert not Universe.objects.exists() and not UniverseMember.objects.exists()


def test_a_member_is_removed_with_all_its_dates(carol: User, api: ApiOf) -> None:
    pair, program = "BTC/USDT", api(carol)
    Instrument.objects.create(symbol=pair)
    stretches = [{"symbol": pair, "to": "2018-01-31"}, {"symbol": pair, "from": "2018-03-01"}]
    program.post(ADDRESS, [{"symbol": "AAA"}, *stretches], format="json")
    answer = program.delete(f"{ADDRESS}/{pair}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [member["symbol"] for member in program.get(ADDRESS).json()] == ["AAA"]
    entry = AuditEntry.objects.get(action="universe.remove")
    assert (entry.user, entry.subject, entry.details["symbols"]) == (carol, "few", [pair])
    assert Instrument.objects.filter(symbol=pair).exists()
    for symbol, reason in ((pair, f"{pair} is not in few."), ("NONE", "NONE is not in few.")):
        answer = program.delete(f"{ADDRESS}/{symbol}")
        assert (answer.status_code, answer.json()["detail"]) == (404, reason)
    assert "no such universe" in program.delete("/api/universes/all/members/AAA").json()["detail"]


def test_only_a_manager_removes_members(bob: User, carol: User, api: ApiOf) -> None:
    api(carol).post(ADDRESS, [{"symbol": "AAA"}], format="json")
    assert api(bob).delete(f"{ADDRESS}/AAA").status_code == 403
    assert api(carol, [Scope.READ]).delete(f"{ADDRESS}/AAA").status_code == 403
    assert UniverseMember.objects.count() == 1


def test_it_takes_a_manager_and_a_name_that_a_universe_can_have(bob: User, carol: User, api: ApiOf) -> None:
    rows = [{"symbol": "AAA"}]
    assert api(bob).post(ADDRESS, rows, format="json").status_code == 403
    assert api(carol, [Scope.READ]).post(ADDRESS, rows, format="json").status_code == 403
    answer = api(carol).post("/api/universes/all/members", rows, format="json")
    assert answer.status_code == 400 and "can't be named" in answer.json()["detail"]
    assert api(bob).get("/api/universes/all/members").status_code == 404

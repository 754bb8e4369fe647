"""Files uploaded over REST: real multipart requests."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.accounts.roles import Scope
from boursomatic.shared import uploads as limits
from instruments.models import PriceBar, Upload
from tests.instruments.files import csv, daily
from tests.instruments.uploaded import FRENCH, file, five
from tests.people import ApiOf, BrowserOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/data/uploads"


def sent(client: Any, *files: Any, **fields: Any) -> Any:
    return client.post(ADDRESS, {"files": [*files], **fields}, format="multipart")


def test_it_answers_with_the_report_and_keeps_it_for_an_hour(api: ApiOf, carol: User) -> None:
    answer = sent(api(carol), file(FRENCH, "BNP.csv"), five())
    assert answer.status_code == 201
    found = answer.json()
    assert set(found) == {"upload_id", "columns", "preview", "report", "clashes", "expires_at"}
    assert [reading["file"] for reading in found["report"]["files"]] == ["BNP.csv", "SPY.csv"]
    assert (found["columns"]["open"], found["report"]["inserted"], found["clashes"]) == ("Ouverture", 8, [])
    again = api(carol).get(f"{ADDRESS}/{found['upload_id']}")
    assert (again.status_code, again.json()) == (200, found)
    Upload.objects.update(expires_at=timezone.now())
    gone = api(carol).get(f"{ADDRESS}/{found['upload_id']}")
    assert gone.status_code == 404 and "kept for an hour" in gone.json()["detail"]
    assert not PriceBar.objects.exists()


def test_it_takes_no_memory_for_eighteen_megabytes_of_commas(api: ApiOf, carol: User) -> None:
    answer = sent(api(carol), file(b"date,open,high,low,close\n" + b",,\n" * 6_000_000))
    assert answer.status_code == 201
    (reading,) = answer.json()["report"]["files"]
    assert "The first 10,000 rows are all bad" in reading["refusal"]


@pytest.mark.parametrize(
    ("files", "fields", "field"),
    [
        ([], {}, "files"),
        ([five(str(number)) for number in range(21)], {}, "files"),
        ([five()], {"symbol": "SPY"}, "symbol"),
    ],
)
def test_it_refuses_what_is_no_upload(
    api: ApiOf, carol: User, files: list[Any], fields: dict[str, str], field: str
) -> None:
    answer = sent(api(carol), *files, **fields)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_it_refuses_more_than_it_takes_before_it_is_read(
    api: ApiOf, carol: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 100)
    monkeypatch.setattr("instruments.api.uploads.MOST_BYTES", 100)
    assert sent(api(carol), five()).status_code == 413
    assert browser_of(carol).post("/data/", {"files": [five()]}).status_code == 400


def test_it_refuses_other_bodies(api: ApiOf, carol: User) -> None:
    assert api(carol).post(ADDRESS, {"files": []}).status_code == 415
    broken = api(carol).post(ADDRESS, b"rubbish", content_type="multipart/form-data; boundary=x")
    assert broken.status_code == 400
    assert api(carol).post(ADDRESS, b"", content_type="multipart/form-data").status_code == 400


def test_it_is_for_managers(api: ApiOf, alice: User, bob: User, carol: User) -> None:
    upload = sent(api(carol, [Scope.DATA]), five()).json()["upload_id"]
    for client in (api(alice), api(bob), api(carol, [Scope.READ])):
        assert sent(client, five()).status_code == 403
        assert client.get(f"{ADDRESS}/{upload}").status_code == 403
        assert client.post(f"{ADDRESS}/{upload}/store", {}).status_code == 403
    assert api().post(ADDRESS).status_code == 401


def test_it_refuses_a_body_of_bars_that_is_nothing_but_lines(api: ApiOf, carol: User) -> None:
    address = "/api/instruments/SPY/bars"
    answer = api(carol).post(address, data=csv(*daily(5)) + ",,\n" * 1_000_001, content_type="text/csv")
    assert answer.status_code == 413
    answer = api(carol).post(address, data=csv() + ",,\n" * 900_000, content_type="text/csv")
    assert answer.status_code == 400 and "first 10,000 rows are all bad" in answer.json()["detail"]

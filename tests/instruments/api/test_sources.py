"""Sources over REST: for managers, and keys are never answered."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.roles import Scope
from instruments.models import Source
from tests.instruments.imports.test_sources import KEY, csv
from tests.instruments.sources.vendor import Vendor, text
from tests.people import ApiOf

pytestmark = pytest.mark.django_db
SOURCES = "/api/data/sources"


def body(**more: Any) -> dict[str, Any]:
    return {"name": "files", "kind": "file_url", "options": {"url": "https://example.org/{symbol}.csv"}, **more}


def test_it_makes_shows_changes_and_deletes(carol: User, api: ApiOf) -> None:
    client = api(carol, [Scope.DATA])
    made = client.post(SOURCES, body(key=KEY))
    assert made.status_code == 201 and made.json()["key"] == "set" and KEY not in made.text
    assert made.json()["options"] == {"url": "https://example.org/{symbol}.csv", "prices": "as_traded"}
    assert [source["name"] for source in client.get(SOURCES).json()] == ["files"]
    changed = client.patch(f"{SOURCES}/files", {"options": {"prices": "split"}, "enabled": False}).json()
    assert (changed["prices"], changed["enabled"], changed["key"]) == ("split", False, "set")
    assert client.patch(f"{SOURCES}/files", {"key": ""}).json()["key"] == "none"
    assert client.delete(f"{SOURCES}/files").status_code == 204
    assert client.get(f"{SOURCES}/files").status_code == 404


def test_it_says_that_a_key_is_lost(carol: User, api: ApiOf, settings: Any) -> None:
    client = api(carol)
    client.post(SOURCES, body(key=KEY))
    settings.SECRET_KEY = "another-secret-of-more-than-forty-characters"
    assert client.get(f"{SOURCES}/files").json()["key"] == "lost"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"name": 5, "kind": "file_url"}, "name"),
        ({"name": "a", "kind": "astrology"}, "kind"),
        ({"kind": "file_url"}, "name"),
        ({"name": "a", "kind": "file_url", "options": []}, "options"),
        ({"name": "a", "kind": "file_url", "options": {"url": "nowhere"}}, "options.url"),
        ({"name": "a", "kind": "file_url", "key": True}, "key"),
        ([], "detail"),
    ],
)
def test_it_names_the_field(carol: User, api: ApiOf, sent: Any, field: str) -> None:
    answer = api(carol).post(SOURCES, sent)
    assert answer.status_code == 400 and field in answer.json()


def test_it_refuses_wrong_changes(carol: User, api: ApiOf) -> None:
    client = api(carol)
    client.post(SOURCES, body(key=KEY))
    for sent, field in (
        ({"enabled": 1}, "enabled"),
        ({"options": {"url": "https://b.example/"}}, "key"),
        ({"name": "b"}, "name"),
    ):
        answer = client.patch(f"{SOURCES}/files", sent)
        assert answer.status_code == 400 and field in answer.json()
    assert Source.objects.get().options["url"] == "https://example.org/{symbol}.csv"


def test_it_tries(carol: User, api: ApiOf, shop: Vendor, settings: Any) -> None:
    settings.SOURCE_HOSTS = [f"127.0.0.1:{shop.port}"]
    client = api(carol)
    client.post(SOURCES, body(options={"url": shop.url + "/{symbol}.csv"}))
    shop.routes["/AAPL.csv"] = text(csv([100.0 + i for i in range(12)]))
    trial = client.post(f"{SOURCES}/files/try", {"symbol": "AAPL"}).json()
    assert trial["problem"] == "" and len(trial["bars"]) == 5 and trial["bars"][-1]["close"] == 111.0
    assert "404" in client.post(f"{SOURCES}/files/try", {"symbol": "MSFT"}).json()["problem"]
    for sent, field in (({}, "symbol"), ({"symbol": "A", "timeframe": "2d"}, "timeframe"), ({"symbol": 1}, "symbol")):
        answer = client.post(f"{SOURCES}/files/try", sent)
        assert answer.status_code == 400 and field in answer.json()


def test_it_is_for_managers_with_the_scope(alice: User, carol: User, api: ApiOf) -> None:
    for client in (api(alice), api(carol, [Scope.READ, Scope.TRAIN])):
        assert client.get(SOURCES).status_code == 403
        assert client.post(SOURCES, body()).status_code == 403
        assert client.post(f"{SOURCES}/files/try", {"symbol": "A"}).status_code == 403

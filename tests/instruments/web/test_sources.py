"""Sources on pages, without JavaScript."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from boursomatic.shared.secrets import unseal
from instruments.models import Source
from tests.instruments.imports.test_sources import KEY, csv
from tests.instruments.sources.vendor import Vendor, text
from tests.people import BrowserOf

pytestmark = pytest.mark.django_db
FORM = {"name": "files", "option_url": "https://example.org/{symbol}.csv", "option_prices": "as_traded", "key": KEY}


def test_it_goes_from_a_kind_to_bars(carol: User, browser_of: BrowserOf, shop: Vendor, settings: Any) -> None:
    settings.SOURCE_HOSTS = [f"127.0.0.1:{shop.port}"]
    shop.routes["/AAPL.csv"] = text(csv([100.0 + i for i in range(12)]))
    browser = browser_of(carol)
    assert "/data/sources/" in browser.get("/data/").text
    assert "/data/sources/new/file_url/" in browser.get("/data/sources/").text
    page = browser.get("/data/sources/new/file_url/").text
    assert 'type="password"' in page and "as https://example.org/{symbol}.csv" in page.lower()
    made = browser.post("/data/sources/new/file_url/", {**FORM, "option_url": shop.url + "/{symbol}.csv"})
    assert made["Location"] == "/data/sources/files/"
    page = browser.get("/data/sources/files/").text
    assert "files is added" in page and KEY not in page and "Stored, and never shown" in page
    tried = browser.post("/data/sources/files/try/", {"symbol": "AAPL", "timeframe": "1d"}).text
    assert "12 bars of AAPL" in tried and "111.0" in tried and "Settings" in tried
    fragment = browser.post("/data/sources/files/try/", {"symbol": "NONE"}, headers={"HX-Request": "true"}).text
    assert "404" in fragment and "Settings" not in fragment


def test_it_changes_and_deletes(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    browser.post("/data/sources/new/file_url/", FORM)
    unchanged = {**FORM, "key": "", "option_prices": "split"}
    assert browser.post("/data/sources/files/", unchanged).status_code == 302
    source = Source.objects.get()
    assert (source.options["prices"], source.enabled, unseal(source.sealed_key)) == ("split", False, KEY)
    assert ">off<" in browser.get("/data/sources/").text
    moved = browser.post("/data/sources/files/", {**unchanged, "option_url": "https://elsewhere.example/"})
    assert moved.status_code == 400 and "Enter the key again" in moved.text
    browser.post("/data/sources/files/", {**unchanged, "forget_key": "on", "enabled": "on"})
    source = Source.objects.get()
    assert source.enabled and not source.sealed_key
    assert browser.post("/data/sources/files/delete/")["Location"] == "/data/sources/"
    assert not Source.objects.exists()


def test_it_says_beside_the_field_what_is_wrong(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    answer = browser.post("/data/sources/new/file_url/", {**FORM, "option_url": "nowhere", "name": "a b"})
    assert answer.status_code == 400 and "letters, digits" in answer.text
    answer = browser.post("/data/sources/new/file_url/", {**FORM, "option_url": "nowhere"})
    assert "Must be an address" in answer.text and KEY not in answer.text
    assert browser.get("/data/sources/new/astrology/").status_code == 404


def test_it_says_that_a_key_is_lost(carol: User, browser_of: BrowserOf, settings: Any) -> None:
    browser_of(carol).post("/data/sources/new/file_url/", FORM)
    settings.SECRET_KEY = "another-secret-of-more-than-forty-characters"
    browser = browser_of(carol)  # the old session is lost as well
    assert "enter it again" in browser.get("/data/sources/").text
    assert "SECRET_KEY has changed" in browser.get("/data/sources/files/").text


def test_it_shows_a_source_whose_kind_is_gone(carol: User, browser_of: BrowserOf) -> None:
    Source.objects.create(name="old", kind="gone", options={})
    browser = browser_of(carol)
    assert "not installed" in browser.get("/data/sources/").text
    assert "no longer has sources of this kind" in browser.get("/data/sources/old/").text
    assert "isn&#x27;t installed" in browser.post("/data/sources/old/try/", {"symbol": "A"}).text
    browser.post("/data/sources/old/delete/")
    assert not Source.objects.exists()


def test_it_is_for_managers(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    assert browser.get("/data/sources/").status_code == 403
    assert "/data/sources/" not in browser.get("/data/").text


def test_it_shows_no_key_in_the_admin_site(carol: User, dave: User, browser_of: BrowserOf) -> None:
    browser_of(carol).post("/data/sources/new/file_url/", FORM)
    source = Source.objects.get()
    browser = browser_of(dave)
    for address in ("/admin/instruments/source/", f"/admin/instruments/source/{source.pk}/change/"):
        page = browser.get(address)
        assert page.status_code == 200 and "files" in page.text
        assert KEY not in page.text and source.sealed_key not in page.text

"""Files of bars uploaded, looked at and stored on pages, without JavaScript."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from instruments.models import PriceBar, Upload
from tests.instruments.files import csv, daily
from tests.instruments.uploaded import FRENCH, file, five
from tests.market import make_series
from tests.people import BrowserOf
from tests.training.recipes.test_walk_forward import carry_next

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
TWO_WAYS = FRENCH.replace("13/04/2012", "05/04/2012")


def uploaded(browser: Any, *files: Any) -> str:
    answer = browser.post("/data/", {"files": [*files]})
    assert answer.status_code == 302, answer.text
    return str(answer["Location"])


def test_it_shows_viewers_what_is_stored_and_managers_the_form(bob: User, carol: User, browser_of: BrowserOf) -> None:
    make_series("IBM", bars=600)
    for person, may_upload in ((bob, False), (carol, True)):
        page = browser_of(person).get("/data/").text
        assert "600" in page and "2018-01-01" in page
        assert ('type="file"' in page) == may_upload
    assert browser_of(bob).post("/data/", {"files": [five()]}).status_code == 403


def test_it_goes_from_a_french_file_to_the_chart(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    address = uploaded(browser, file(FRENCH, "BNP.csv"))
    page = browser.get(address).text
    for text in ("3 April 2012", "13 April 2012", "day first", "decimal comma", "Clôture", "103,42", ">Store<"):
        assert text in page
    assert not PriceBar.objects.exists()
    assert "BNP.csv" in browser.get("/data/").text
    run = browser.post(f"{address}store", {"universe": "mine"})["Location"]
    assert carry_next()
    page = browser.get(run).text
    assert "3 inserted" in page and "/backtest/?symbol=BNP&amp;timeframe=1d" in page and "Open the chart" in page
    assert PriceBar.objects.count() == 3


def test_it_asks_where_it_is_in_doubt_and_remembers_the_answer(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    address = uploaded(browser, file(TWO_WAYS.replace("Ouverture", "Premier cours"), "prices.csv"))
    page = browser.get(address).text
    assert "No column for open" in page and '<details class="advanced" open>' in page and ">Store<" not in page
    chosen = {"column_open": "Premier cours"}
    assert browser.post(address, chosen)["Location"] == address
    assert "say which instrument it is: name it" in browser.get(address).text
    browser.post(address, {"symbol": "BNP"})
    assert "Dates could be read in two ways" in browser.get(address).text
    browser.post(address, {"symbol": "BNP", "date_order": "day"})
    page = browser.get(address).text
    assert "5 April 2012" in page and "two ways" not in page
    assert re.search(r'value="Premier cours" selected', page) and 'value="BNP"' in page
    browser.post(f"{address}store", {"symbol": "BNP", "date_order": "day"})
    run = carry_next()
    assert run is not None and run.result["inserted"] == 3


def test_it_keeps_by_name_how_files_are_read(carol: User, bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    address = uploaded(browser, file(TWO_WAYS.replace("Ouverture", "Premier cours"), "BNP.csv"))
    chosen = {"column_open": "Premier cours", "date_order": "day", "symbol": "BNP", "keep_as": "My broker"}
    assert "Kept as My broker" in browser.post(address, chosen, follow=True).text
    assert (
        "<option>My broker</option>" in browser.get("/data/").text
        and "My broker" not in browser_of(bob).get("/data/").text
    )
    again = file(TWO_WAYS.replace("Ouverture", "Premier cours"), "GLE.csv")
    answer = browser.post("/data/", {"files": [again], "settings": "My broker"}, follow=True)
    assert "5 April 2012" in answer.text and "<strong>GLE</strong>" in answer.text
    assert browser_of(bob).post("/data/settings/forget", {"name": "My broker"}).status_code == 403
    assert "My broker" not in browser.post("/data/settings/forget", {"name": "My broker"}, follow=True).text


def test_it_shows_clashes_and_overwrites_only_when_told(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    for files in (five("SPY.csv"), file(csv(*daily(6, price=11)), "other.csv")):
        address = uploaded(browser, files)
        if files.name == "SPY.csv":
            browser.post(f"{address}store")
            assert carry_next()
    page = browser.get(address).text
    assert "Clashes" in page and "Overwrite bars that another source stored" in page
    for told, updated in (({}, 0), ({"overwrite": "on"}, 5)):
        browser.post(f"{address}store", told)
        run = carry_next()
        assert run is not None and run.result["updated"] == updated


def test_it_tells_bad_rows_by_reason(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    address = uploaded(browser, file(csv(*daily(3), *["2020-02-01,x,11,9,10,1,SPY"] * 30)))
    page = browser.get(address).text
    assert "open is not a number" in page and "open &#x27;x&#x27; is not a number" in page and "and 10 more" in page
    browser.post(f"{address}store", {"on_bad": "skip"})
    run = carry_next()
    assert run is not None and (run.result["inserted"], run.result["rejected"]) == (3, 30)


def test_it_says_what_is_wrong_with_an_upload_or_its_form(carol: User, browser_of: BrowserOf) -> None:
    browser = browser_of(carol)
    answer = browser.post("/data/", {"files": [five(str(number)) for number in range(21)]})
    assert answer.status_code == 400 and "20 are the most" in answer.text
    assert browser.post("/data/").status_code == 400
    address = uploaded(browser, five())
    for path in (address, f"{address}store"):
        for fields in ({"column_open": "None such"}, {"timeframe": "1m"}):
            assert browser.post(path, fields)["Location"] == address
            assert "Select a valid choice" in browser.get(address).text
    browser.post(f"{address}store", {"universe": "all"})
    assert "Must be a name of up to 40 letters" in browser.get(address).text
    Upload.objects.update(expires_at=timezone.now())
    for method, path in (("get", address), ("post", f"{address}store")):
        assert getattr(browser, method)(path).status_code == 404


def test_it_waits_on_the_page_for_a_report_that_is_not_there_yet(carol: User, browser_of: BrowserOf) -> None:
    upload = Upload.objects.create(
        user=carol, expires_at=timezone.now() + timedelta(hours=1), files=[{"name": "a.csv", "bytes": 1}],
        read_from=timezone.now(), readings=1,
    )  # fmt: skip
    browser = browser_of(carol)
    page = browser.get(f"/data/{upload.pk}/").text
    assert "Reading 1 file …" in page and 'hx-trigger="load delay:2s, poll"' in page  # asks again after no answer
    part = browser.get(f"/data/{upload.pk}/", headers={"HX-Request": "true"}).text
    assert 'hx-trigger="load delay:2s, poll"' in part and "<html" not in part

"""The page of splits and dividends."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from instruments.models import Basis, CorporateAction, Series
from tests.market import make_series
from tests.people import BrowserOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ROWS = "symbol,ex_day,kind,ratio,amount\nSPY,2019-06-10,split,4,\nSPY,2019-03-15,dividend,,1.23\n"


def sent(browser: Any, text: str, **more: str) -> Any:
    file = SimpleUploadedFile("actions.csv", text.encode(), content_type="text/csv")
    return browser.post("/data/actions/", {"file": file, **more})


def test_a_manager_imports_a_file_and_says_what_the_basis_is(carol: User, bob: User, browser_of: BrowserOf) -> None:
    series = make_series()
    browser = browser_of(carol)
    page = sent(browser, ROWS)
    assert page.status_code == 200 and "2 rows read: 2 new, 0 changed, 0 as they were" in page.text
    page = browser.get("/data/actions/?symbol=SPY").text
    assert "2019-06-10" in page and "1.23" in page and "adjusted closes of its source" in page
    browser.post(f"/data/actions/series/{series.pk}/basis", {"basis": "as_traded"})
    assert Series.objects.get().basis == Basis.AS_TRADED
    for address in ("/data/actions/?symbol=SPY", "/instrument/?symbol=SPY"):
        page = browser_of(bob).get(address).text
        assert "prices as traded and its own list of actions" in page and "<button" in page
    assert "Import" not in page and "to the newest bar" in browser_of(bob).get("/backtest/?symbol=SPY").text
    split = CorporateAction.objects.get(kind="split")
    browser.post(f"/data/actions/{split.pk}/delete")
    assert CorporateAction.objects.get().kind == "dividend"


def test_bad_rows_are_named_and_nothing_is_stored(carol: User, browser_of: BrowserOf) -> None:
    make_series()
    browser = browser_of(carol)
    page = sent(browser, f"{ROWS}SPY,soon,split,4,\n")
    assert page.status_code == 400 and "line 4" in page.text and "is no day" in page.text
    assert not CorporateAction.objects.exists()
    assert "2 new" in sent(browser, f"{ROWS}SPY,soon,split,4,\n", on_bad="skip").text
    assert sent(browser, "").status_code == 400
    assert browser.post("/data/actions/", {}).status_code == 400


def test_weeks_are_not_read_as_traded_and_viewers_change_nothing(carol: User, bob: User, browser_of: BrowserOf) -> None:
    weeks = make_series(timeframe="1w")
    address = f"/data/actions/series/{weeks.pk}/basis"
    browser = browser_of(carol)
    for basis in ("as_traded", "other"):
        browser.post(address, {"basis": basis})
        assert Series.objects.get().basis == Basis.VENDOR
    assert "Weekly bars" in browser.get("/data/actions/").text
    assert browser_of(bob).post(address, {"basis": "vendor"}).status_code == 403
    assert sent(browser_of(bob), ROWS).status_code == 403


def test_the_list_is_a_table_like_others(
    carol: User, browser_of: BrowserOf, django_assert_max_num_queries: Any
) -> None:
    make_series()
    browser = browser_of(carol)
    sent(browser, ROWS)
    assert browser.get("/data/actions/?format=csv").getvalue().decode().count("SPY") == 2
    with django_assert_max_num_queries(14):
        browser.get("/data/actions/?symbol=SPY&sort=ex_day")

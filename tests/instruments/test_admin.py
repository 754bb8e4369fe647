import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.models import AuditEntry
from instruments.models import Instrument, PriceBar
from tests.market import make_series
from tests.people import BrowserOf


@pytest.mark.parametrize("name", ["instrument", "universe", "series", "pricebar"])
def test_it_lists_and_searches(browser_of: BrowserOf, dave: User, name: str) -> None:
    make_series("SPY", bars=5)
    assert browser_of(dave).get(f"/admin/instruments/{name}/?q=SPY").status_code == 200


def test_it_changes_no_bar(browser_of: BrowserOf, dave: User) -> None:
    make_series("SPY", bars=5)
    bar = PriceBar.objects.first()
    assert bar is not None
    page = f"/admin/instruments/pricebar/{bar.pk}/"
    assert browser_of(dave).get(f"{page}change/").status_code == 200
    assert browser_of(dave).post(f"{page}change/", {"open": "1"}).status_code == 403
    assert browser_of(dave).post(f"{page}delete/", {"post": "yes"}).status_code == 403
    assert browser_of(dave).get("/admin/instruments/pricebar/add/").status_code == 403


def test_it_renames_an_instrument_but_keeps_its_symbol(browser_of: BrowserOf, dave: User) -> None:
    instrument = make_series("SPY", bars=5).instrument
    form = {"symbol": "QQQ", "name": "S&P 500", "currency": "USD", "active": "on"}
    answer = browser_of(dave).post(f"/admin/instruments/instrument/{instrument.pk}/change/", form)
    assert answer.status_code == 302
    instrument = Instrument.objects.get(pk=instrument.pk)
    assert (instrument.symbol, instrument.name) == ("SPY", "S&P 500")
    assert AuditEntry.objects.filter(action="instrument.change").exists()

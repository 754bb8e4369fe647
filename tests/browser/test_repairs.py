"""A finding looked at, repaired and undone, without a mouse, on a wide page and on a narrow dark one."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site

SPLIT = """
from instruments.health.services import series_check
from instruments.imports.services import bars_write
from instruments.models import Instrument, Series
from tests.instruments.quant.test_health import market, scaled
instrument = Instrument.objects.create(symbol="{symbol}", calendar="own")
series = Series.objects.create(instrument=instrument, timeframe="1d")
bars_write(series=series, bars=scaled(market(), 0, 300, 2.0), source="vendor")
series_check(pks=[series.pk])
"""


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_finding_is_repaired_and_undone_by_keyboard(site: Site, open_page: OpenPage, width: int, scheme: str) -> None:
    symbol = f"SPLT{width}"
    site.manage("shell", "--command", SPLIT.format(symbol=symbol))
    address = f"/data/health/?symbol={symbol}"
    page = open_page(site, address, viewport={"width": width, "height": 844}, color_scheme=scheme)
    press(page, "link", f"Look at repair of {symbol}")
    expect(page.get_by_role("heading", name="Before and after")).to_be_visible()
    expect(page.get_by_role("img", name="adjusted close before and after the repair")).to_be_visible()
    expect(page.get_by_text("Prices of 300 bars before times 0.5, as by a split 2:1.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    press(page, "button", "Apply repair")
    expect(page.get_by_text("It can be undone.")).to_be_visible()
    expect(page.get_by_text("by admin, source")).to_be_visible()
    press(page, "button", "Undo repair")
    expect(page.get_by_text("Its bars are as they were.")).to_be_visible()
    expect(page.get_by_role("button", name="Apply repair")).to_be_visible()


def press(page: Page, role: str, name: str) -> None:
    """Reached by Tab, then Enter."""
    target = page.get_by_role(role, name=name)  # type: ignore[arg-type]
    expect(target).to_be_visible()
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    page.keyboard.press("Enter")

"""A source added, tried and refreshed, from the keyboard and in a narrow window."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site, running_site
from tests.instruments.imports.replayed import DAYS, Replayed
from tests.instruments.sources.vendor import Vendor, vendor


@pytest.fixture(scope="module")
def shop() -> Iterator[Vendor]:
    with vendor() as told:
        yield told


@pytest.fixture(scope="module")
def sourced_site(shop: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One whose sources may call the vendor."""
    with running_site(tmp_path_factory.mktemp("sourced"), source_hosts=f"127.0.0.1:{shop.port}") as running:
        yield running


def press_on(page: Page, name: str) -> None:
    """Enter on the button of that name, as the keyboard reaches it."""
    page.get_by_role("button", name=name, exact=True).focus()
    page.keyboard.press("Enter")


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_it_goes_from_a_source_to_fresh_bars(sourced_site: Site, open_page: OpenPage, shop: Vendor, width: int) -> None:
    symbol, name = f"NEW{width}", f"files{width}"
    Replayed(shop, [symbol])
    page = open_page(sourced_site, "/data/sources/new/file_url/", viewport={"width": width, "height": 844})
    page.get_by_label("Name").fill(name)
    page.get_by_label("Address").fill(shop.url + "/{symbol}.csv")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    page.get_by_placeholder("symbol, as AAPL").fill(symbol)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{DAYS} bars of {symbol}")).to_be_visible()
    assert_fits(page)
    page.get_by_label("Only these").fill(symbol)
    press_on(page, "Refresh now")
    expect(page.get_by_text(f"{DAYS} new bars", exact=False).first).to_be_visible(timeout=WORK_MS)
    assert_fits(page)
    page.get_by_role("link", name="Sources", exact=True).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text=name).get_by_text(f"{DAYS} new bars")).to_be_visible()
    assert_fits(page)
    page.goto(sourced_site.url + f"/data/sources/{name}/")
    press_on(page, "Refresh daily")
    expect(page.get_by_text(f"From {name}, then recommend and score")).to_be_visible()
    assert_fits(page)

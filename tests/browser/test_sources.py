"""From a source to bars that are repaired and back, without a mouse, on a wide page and on a narrow dark one."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site, running_site
from tests.instruments.imports.replayed import as_csv
from tests.instruments.quant.test_health import N, market, scaled
from tests.instruments.sources.vendor import Vendor, text, vendor


@pytest.fixture(scope="module")
def shop() -> Iterator[Vendor]:
    with vendor() as told:
        yield told


@pytest.fixture(scope="module")
def sourced_site(shop: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One whose sources may call the vendor."""
    with running_site(tmp_path_factory.mktemp("sourced"), source_hosts=f"127.0.0.1:{shop.port}") as running:
        yield running


def press(page: Page, role: str, name: str) -> None:
    """Reached by Tab, then Enter."""
    target = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    expect(target).to_be_visible()
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    page.keyboard.press("Enter")


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def await_on(page: Page, wanted: Locator) -> None:
    """Until a worker has seen to it."""
    until = time.monotonic() + WORK_MS / 1000
    while not wanted.is_visible() and time.monotonic() < until:
        page.reload()
    expect(wanted).to_be_visible()


@pytest.mark.parametrize(("width", "split"), [(1440, 300), (390, 250)])
def test_it_goes_from_a_source_to_a_repair_and_back(
    sourced_site: Site, open_page: OpenPage, shop: Vendor, width: int, split: int
) -> None:
    symbol, name = f"NEW{width}", f"files{width}"
    shop.routes[f"/{symbol}.csv"] = text(as_csv(scaled(market(), 0, split, 2.0)))
    looks = {"viewport": {"width": width, "height": 844}, "color_scheme": "dark" if width == 390 else "light"}
    page = open_page(sourced_site, "/data/sources/new/file_url/", **looks)
    add_and_try(page, shop, name, symbol)
    refresh(page, name, symbol)
    page.goto(f"/data/health/?symbol={symbol}&check=split")
    await_on(page, page.get_by_role("link", name=f"Look at repair of {symbol}"))
    assert_fits(page)
    repair_and_undo(page, symbol, split)
    page.goto(f"/data/sources/{name}/")
    press(page, "button", "Refresh daily")
    expect(page.get_by_text(f"From {name}, then recommend and score")).to_be_visible()
    assert_fits(page)


def add_and_try(page: Page, shop: Vendor, name: str, symbol: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Address").fill(shop.url + "/{symbol}.csv")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    page.get_by_placeholder("symbol, as AAPL").fill(symbol)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{N} bars of {symbol}")).to_be_visible()
    assert_fits(page)


def refresh(page: Page, name: str, symbol: str) -> None:
    page.get_by_label("Only these").fill(symbol)
    press(page, "button", "Refresh now")
    expect(page.get_by_text(f"{N} new bars", exact=False).first).to_be_visible(timeout=WORK_MS)
    assert_fits(page)
    page.get_by_role("link", name="Sources", exact=True).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text=name).get_by_text(f"{N} new bars")).to_be_visible()
    assert_fits(page)


def repair_and_undo(page: Page, symbol: str, split: int) -> None:
    press(page, "link", f"Look at repair of {symbol}")
    expect(page.get_by_role("heading", name="Before and after")).to_be_visible()
    expect(page.get_by_role("img", name="adjusted close before and after the repair")).to_be_visible()
    expect(page.get_by_text(f"Prices of {split} bars before times 0.5, as by a split 2:1.")).to_be_visible()
    assert_fits(page)
    press(page, "button", "Apply repair")
    expect(page.get_by_text("It can be undone.")).to_be_visible()
    expect(page.get_by_text("by admin, source")).to_be_visible()
    press(page, "button", "Undo repair")
    expect(page.get_by_text("Its bars are as they were.")).to_be_visible()
    expect(page.get_by_role("button", name="Apply repair")).to_be_visible()

"""Candles gathered on the chart, swept as a map, a cell looked at and made a run; and the map by keyboard."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site
from tests.browser.test_train import _over, _ready

NARROW = {"width": 390, "height": 844}


def _gather(page: Page) -> None:
    """Two clicks and a stretch; a second click on a candle takes it back."""
    chart = _ready(page)
    page.keyboard.down("Shift")
    for share in (0.3, 0.4, 0.45, 0.45):
        chart.click(position=_over(chart, share))
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.63, box["y"] + 200, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_it_gathers_candles_and_draws_their_map(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&range=1y")
    _gather(page)
    button = page.get_by_role("button", name=re.compile(r"Sweep \d+ candles …"))
    expect(button).to_be_visible()
    gathered = int(re.findall(r"\d+", button.inner_text())[0])
    assert gathered >= 5
    expect(page.locator("#train-dialog")).not_to_be_visible()
    button.click()
    expect(page.get_by_role("heading", name="Sweep candles and settings")).to_be_visible()
    expect(page.get_by_label("Instrument")).to_have_value("AAPL")
    page.get_by_label("Training periods").fill("1 2")
    page.get_by_label("Test window").fill("10")
    page.get_by_label("Protocol").select_option("steady")
    expect(page.locator("#sweep-preview")).to_contain_text(f"{2 * gathered} = {gathered} candles × 2 rows")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=re.compile("^Sweep AAPL 1d, "))).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text(re.compile(r"candles; \d+ trials? on AAPL"), timeout=WORK_MS)
    assert page.locator(".sweep-map .cell").count() == 2 * gathered
    expect(page.locator(".sweep-map .cell.cw")).to_have_count(0)

    first = page.locator(".sweep-map .cell").first
    first.click()
    expect(page.locator("#sweep-cell")).to_contain_text("Training rows")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    second = page.locator(".sweep-map tbody tr").nth(1).locator(".cell").nth(1)
    expect(second).to_have_attribute("aria-current", "true")
    expect(page.locator("#sweep-cell")).to_contain_text("2 years")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#compared")).to_contain_text("no claim")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 2 * gathered + 1

    with page.expect_response(re.compile(r"/api/training/sweeps/\w+$")) as cells:
        page.get_by_role("link", name="Below the chart").click()
    assert cells.value.ok
    page.go_back()  # the map as it is now, not as the browser stored it while the sweep was on its way
    first.click()
    page.get_by_role("button", name="Make it a run").click()
    expect(page.get_by_role("heading", name="Candle run AAPL 1d")).to_be_visible()
    expect(page.locator("main")).to_contain_text("nothing unseen to judge it by before", timeout=WORK_MS)


def test_it_sweeps_every_so_many_candles_in_a_narrow_window(site: Site, open_page: OpenPage) -> None:
    page = open_page(
        site, "/training/sweep/?symbol=IBM&start=2005-01-01&end=2006-01-01", viewport=NARROW, may_complain=True
    )
    page.get_by_label("Protocol").select_option("steady")
    page.get_by_label("Further setting").select_option("test_windows")
    page.get_by_label("Its values").fill("20 5")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("10 to 100").first).to_be_visible()
    page.get_by_label("Its values").fill("20 30")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".verdict")).to_be_visible(timeout=WORK_MS)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    expect(page.locator(".pooled-narrow").first).to_be_visible()

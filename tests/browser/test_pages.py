"""How pages look and behave: narrow, dark, empty, and when the server or the workers are gone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site

PATHS = (
    "/backtest/",
    "/backtest/?train=1",
    "/runs/",
    "/trials/",
    "/models/",
    "/instruments/",
    "/data/",
    "/universes/demo/?find=a",
    "/instrument/?symbol=AAPL",
    "/docs/universe/",
    "/account/",
    "/account/second-factor/",
    "/notices/",
    "/members/",
    "/audit/?verify=1",
    "/backups/",
    "/training/new/?candle=2010-06-15",
    "/training/sweep/?symbol=AAPL&start=2005-01-01&end=2009-01-01",
)
NARROW = {"width": 390, "height": 844}


def _start_run(page: Page) -> None:
    page.get_by_role("button", name="Start Training").click()
    page.wait_for_url(re.compile(r"/runs/\w+/$"))


def _overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("path", PATHS)
def test_it_fits_a_narrow_window(site: Site, open_page: OpenPage, path: str) -> None:
    page = open_page(site, path, viewport=NARROW)
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    assert _overflow(page) == 0


def test_it_shows_a_finished_run_in_a_narrow_window(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/training/new/?symbol=IBM&candle=2010-06-15", viewport=NARROW)
    _start_run(page)
    expect(page.get_by_role("columnheader", name="Test", exact=True)).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("heading", name="Candle run IBM 1d, 2010-06-15")).to_be_visible()
    assert _overflow(page) == 0
    test_column = page.get_by_role("columnheader", name="Test", exact=True).bounding_box()
    assert test_column is not None and test_column["x"] + test_column["width"] <= NARROW["width"]


def test_the_bell_counts_until_its_page_is_shown(site: Site, open_page: OpenPage) -> None:
    make = "from boursomatic.notices.services import notice_make; notice_make('scores', 'universe-1', 'Strange.')"
    site.manage("shell", "-c", make)
    page = open_page(site, "/docs/", viewport=NARROW)
    bell = page.get_by_role("link", name="Notices")
    expect(bell).to_be_in_viewport(ratio=1)
    expect(bell).to_contain_text(re.compile(r"\d new"))
    bell.press("Enter")
    expect(page.get_by_role("heading", name="Notices", exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("universe-1 new Strange"))).to_be_visible()
    expect(bell).not_to_contain_text("new")


def test_it_remembers_light_and_dark(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/runs/", color_scheme="dark")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_text("Account", exact=True).click()
    page.get_by_role("button", name="Light or dark").click()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.goto("/backtest/")
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_it_goes_anywhere_by_keys_alone(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/docs/")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to")
    expect(palette.get_by_role("option", name="Scorecard")).to_be_visible()
    page.keyboard.type("ib")
    page.keyboard.press("Enter")  # whether or not the answer is there yet
    expect(page).to_have_url(re.compile(r"/backtest/\?symbol=IBM"))
    expect(page.locator("#legend")).to_contain_text("IBM")  # before its scripts are there no key is heard
    page.keyboard.press("Control+k")
    page.keyboard.type("tr")  # no switch of Train Mode: the chart hears none of it
    expect(palette.get_by_role("option")).to_have_text(["Trials", "Instruments", "Train a universe", "Contributing"])
    page.keyboard.press("ArrowDown")
    expect(palette.get_by_role("option", selected=True)).to_have_text("Instruments")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.wait_for_function("document.activeElement === document.body")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Train Mode on and off")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_it_keeps_the_chosen_columns(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/instruments/?sort=-symbol")
    page.get_by_text("Columns", exact=True).press("Enter")
    page.get_by_label("Bars", exact=True).press("Space")
    page.get_by_role("button", name="Show these").press("Enter")
    expect(page.get_by_role("columnheader", name="Bars")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?sort=-symbol$"))
    expect(page.get_by_role("columnheader", name="Symbol")).to_have_attribute("aria-sort", "descending")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Bars", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Bars")).to_be_visible()


def test_it_keeps_the_chart_in_the_address(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL")
    expect(page.locator("#legend")).to_contain_text("AAPL")
    page.get_by_role("button", name="5Y").click()
    page.get_by_role("button", name="Raw").click()
    page.get_by_role("button", name="another instrument").click()
    page.keyboard.type("ibm")
    page.keyboard.press("Enter")
    expect(page.locator("#legend")).to_contain_text("IBM")
    page.reload()
    expect(page.locator("#legend")).to_contain_text("IBM")
    expect(page.get_by_role("button", name="5Y")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Raw")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator("#legend")).to_contain_text("AAPL")
    expect(page.get_by_role("link", name="Charts by TradingView")).to_be_visible()


def test_it_says_that_no_worker_runs_and_cancels(idle_site: Site, open_page: OpenPage) -> None:
    page = open_page(idle_site, "/training/new/?symbol=AAPL&candle=2010-06-15")
    _start_run(page)
    expect(page.get_by_role("alert")).to_contain_text("No worker is running")
    expect(page.get_by_text("first in the queue")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled: no model, no files.")).to_be_visible()
    expect(page.locator("[hx-trigger]")).to_have_count(0)


def test_it_reconnects_when_the_server_comes_back(idle_site: Site, open_page: OpenPage) -> None:
    page = open_page(idle_site, "/training/new/?symbol=AAPL&candle=2010-06-16", may_complain=True)
    _start_run(page)
    note = page.get_by_text("Reconnecting")
    page.context.set_offline(True)
    expect(note).to_be_visible()
    page.context.set_offline(False)
    expect(note).to_be_hidden()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()


@pytest.mark.parametrize("path", ["/backtest/", "/instruments/"])
def test_it_says_how_to_load_prices_when_there_are_none(empty_site: Site, open_page: OpenPage, path: str) -> None:
    page = open_page(empty_site, path)
    expect(page.get_by_role("link", name="Upload bars")).to_be_visible()


def test_it_says_what_to_do_before_the_first_run(empty_site: Site, open_page: OpenPage) -> None:
    page = open_page(empty_site, "/runs/")
    expect(page.get_by_text("No runs yet")).to_be_visible()


def test_plots_tell_their_values_by_pointer_and_by_keys(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/training/new/?symbol=IBM&candle=2010-06-15")
    _start_run(page)
    plot = page.locator("figure.plot", has=page.get_by_role("img", name="Equity of the strategy and of buy and hold"))
    box, read = plot.locator(".plot-box"), plot.locator(".plot-read")
    box.scroll_into_view_if_needed(timeout=WORK_MS)
    plot.get_by_text("Numbers").click()
    cells = plot.get_by_role("row").nth(1).get_by_role("cell").all_inner_texts()
    box.focus()
    page.keyboard.press("ArrowRight")
    expect(read).to_have_text(f"2010-06-15 · Model {cells[0]} · Buy and hold {cells[1]}")
    page.keyboard.press("ArrowRight")
    expect(read).to_contain_text("2010-06-16")
    page.keyboard.press("Tab")
    expect(read).to_have_count(0)
    frame = box.bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + frame["width"] - 2, frame["y"] + 20)
    last = plot.get_by_role("row").last
    expect(read).to_have_text(
        f"{last.get_by_role('rowheader').inner_text()} · Model {last.get_by_role('cell').nth(0).inner_text()} · "
        f"Buy and hold {last.get_by_role('cell').nth(1).inner_text()}"
    )
    page.mouse.move(0, 0)
    expect(read).to_have_count(0)

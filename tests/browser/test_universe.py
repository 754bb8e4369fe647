"""A universe from the form to an active model, and back to the one before."""

import csv
import json
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site
from tests.training.quant.noise import noise_bars

SYMBOLS = ("UA", "UB", "UC", "UD", "UE", "UF")


@pytest.fixture(scope="module")
def universe(site: Site) -> str:
    """Random walks of six instruments, imported as a person would."""
    path = site.home / "walks.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "date", "open", "high", "low", "close", "volume"))
        for seed, symbol in enumerate(SYMBOLS):
            bars = noise_bars(420, seed=seed)
            columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
            for row, second in enumerate(bars.time.tolist()):
                day = datetime.fromtimestamp(second, UTC).date()
                writer.writerow((symbol, day, *(float(column[row]) for column in columns)))
    site.manage("import_bars", str(path), "--universe", "few")
    return "few"


def _override(page: Page, reason: str) -> None:
    page.get_by_label("Reason, shown with the model").fill(reason)
    page.get_by_label(re.compile("Activate despite failed checks")).check()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("main")).to_contain_text(f"“{reason}”")


def test_it_trains_activates_and_rolls_back(site: Site, open_page: OpenPage, universe: str) -> None:
    page = open_page(site, "/models/")
    page.get_by_role("link", name="Train a universe", exact=True).first.click()
    page.get_by_label("Universe").select_option(universe)
    page.get_by_label(re.compile("^Horizon")).fill("5")
    page.get_by_label(re.compile("^Horizon")).press("Tab")
    use = page.locator("#universe-use")
    expect(use).to_contain_text("about 355")
    expect(use).to_contain_text("from luck, in 4 of 5 cases")
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_text("Profit and loss over the test days")).to_be_visible(timeout=WORK_MS)
    expect(page).to_have_title(re.compile("^Universe run few 1d, "))
    expect(page.get_by_role("row", name=re.compile("^Accuracy"))).to_contain_text("vs")
    page.get_by_role("link", name="Activation checks").click()
    first = page.url
    expect(page.get_by_text(re.compile("Activation checks: \\d of 8 failed"))).to_be_visible()
    _override(page, "A trial")
    expect(page.get_by_text("Activated despite failed checks.", exact=True)).to_be_visible()

    page.get_by_role("link", name="Run", exact=True).click()
    expect(page.get_by_text("This model is active")).to_be_visible()
    page.get_by_role("link", name="Again with these settings").click()
    page.get_by_label(re.compile("^BUY when")).fill("4")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Activation checks").click(timeout=WORK_MS)
    expect(page.get_by_text("It replaces")).to_be_visible()
    second = page.url
    _override(page, "Another trial")

    page.get_by_role("link", name="History").click()
    active = page.get_by_role("table").first
    expect(active.get_by_role("row", name=re.compile("few 1d"))).to_contain_text(second.split("/")[-3])
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("is active for few 1d, 5 trading days again")).to_be_visible()
    expect(active.get_by_role("row", name=re.compile("few 1d"))).to_contain_text(first.split("/")[-3])
    page.get_by_label("Active at the end of").fill("2001-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No model was active.")).to_be_visible()


def test_its_proofs_are_a_click_away(site: Site, open_page: OpenPage, universe: str) -> None:
    version = json.loads(site.manage("train", "--universe", universe, "--horizon", "5", "--json"))["version"]
    page = open_page(site, f"/models/{version}/")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#proof")).to_contain_text("Bit-identical", timeout=WORK_MS)
    page.get_by_role("button", name="Run the noise control").click()
    expect(page.locator("#proof")).to_contain_text("Others' returns, of other days", timeout=WORK_MS)
    expect(page.get_by_role("button", name="Run the noise control again")).to_be_visible()


def test_it_fits_a_narrow_window(site: Site, open_page: OpenPage, universe: str) -> None:
    page = open_page(site, "/models/?universe=few", viewport={"width": 390, "height": 844})
    addresses = ["/models/?universe=few", "/models/history/", "/training/universe/?universe=few&how=walk"]
    addresses += [link.get_attribute("href") or "" for link in page.locator("td a.mono").all()[:1]]
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

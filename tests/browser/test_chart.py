"""What a trader does with the chart itself: indicators, instruments, scale, dates, marks, a picture."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DAYS, OpenPage
from tests.browser.site import Site

PRESS = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"


@pytest.fixture(scope="module")
def candle_run(site: Site) -> str:
    """A model of AAPL."""
    train = ("train_poc", "--symbol", "AAPL", "--no-confirm", "--json", "--selected_candle_date", "2010-06-15")
    run_id: str = json.loads(site.manage(*train))["run_id"]
    return run_id


def _chart(site: Site, open_page: OpenPage, query: str = "symbol=AAPL", **options: object) -> Page:
    """The page, once its bars are there."""
    page = open_page(site, f"/backtest/?{query}", **options)
    expect(page.locator("#legend")).to_contain_text("Vol")
    return page


def test_it_draws_the_indicators_that_are_ticked_and_remembers_them(site: Site, open_page: OpenPage) -> None:
    page = _chart(site, open_page)
    panes, legend = page.locator("#chart table tr"), page.locator("#legend")
    expect(panes).to_have_count(2 * 2)
    page.get_by_text("Indicators", exact=True).click()
    for name in ("SMA 20", "RSI 14"):
        page.get_by_label(name, exact=True).check()
    expect(legend).to_contain_text("SMA 20")
    expect(panes).to_have_count(2 * 3)
    page.reload()
    expect(legend).to_contain_text("RSI 14")
    page.get_by_text("Indicators", exact=True).click()
    page.get_by_label("RSI 14", exact=True).uncheck()
    expect(panes).to_have_count(2 * 2)
    expect(legend).not_to_contain_text("RSI 14")


def test_it_goes_to_a_day_and_by_keys_and_shows_the_values_there(
    site: Site, open_page: OpenPage, candle_run: str
) -> None:
    page = _chart(site, open_page, f"symbol=AAPL&models={candle_run}")
    legend, field = page.locator("#legend"), page.get_by_label("Go to day (UTC)")
    page.keyboard.press("Alt+l")
    expect(page.get_by_role("button", name="Log")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("scale=log"))
    page.keyboard.press("Alt+g")
    page.keyboard.type("2010-06-15")
    page.keyboard.press("Enter")
    expect(legend).to_contain_text("2010-06-15")
    said = r"P\(up\) [\d.]+ % ?predicted (not )?up ?next candle (rose|did not rise)"
    expect(legend).to_contain_text(re.compile(said))
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
    field.fill("someday")
    field.press("Enter")
    assert "Write it as" in field.evaluate("element => element.validationMessage")
    field.blur()
    page.keyboard.press("Home")
    first = _span(page)[0]
    page.keyboard.press("PageDown")
    expect(page).not_to_have_url(re.compile(f"from={first}"))
    page.keyboard.press("End")
    page.reload()
    expect(legend).to_contain_text("Vol")
    assert _span(page)[1] > first


def test_it_changes_the_instrument_by_typing_and_keeps_favourites(site: Site, open_page: OpenPage) -> None:
    page = _chart(site, open_page, "symbol=AAPL&range=5y")
    palette = page.get_by_role("dialog", name="Instrument")
    star = page.get_by_role("button", name="Favourite")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    page.keyboard.type("ibm")  # whatever has the focus, as long as it is no field
    page.keyboard.press("Enter")
    expect(page.locator("#legend")).to_contain_text("IBM")
    expect(page).to_have_url(re.compile(r"symbol=IBM&range=5y"))
    page.get_by_role("button", name="another instrument").click()
    expect(palette.get_by_role("group", name="Favourites").get_by_role("option")).to_have_text(["AAPL"])
    page.keyboard.press("Escape")
    train = page.get_by_role("button", name="Train Mode: OFF")
    page.evaluate(f"for (const key of 'ta') {PRESS}")
    expect(palette.get_by_role("combobox")).to_have_value("ta")  # the t began a symbol and switched nothing
    page.keyboard.press("Escape")
    expect(train).to_be_visible()


def test_it_tells_what_was_recommended_and_what_came(site: Site, open_page: OpenPage, version: str) -> None:
    site.manage("score_recommendations")
    page = _chart(site, open_page)
    legend, field = page.locator("#legend"), page.get_by_label("Go to day (UTC)")
    field.fill(DAYS[0])
    field.press("Enter")
    outcome = r"Recommended (BUY|HOLD|SELL) ?P\(BUY\) [\d.]+ % ?universe demo: +-?[\d.]+ % in 10 bars, (hit|miss)"
    expect(legend).to_contain_text(re.compile(outcome))
    page.get_by_text("Indicators", exact=True).click()
    page.get_by_label("Recommendations", exact=True).uncheck()
    expect(legend).not_to_contain_text("Recommended")


def test_it_saves_a_picture(site: Site, open_page: OpenPage) -> None:
    page = _chart(site, open_page, "symbol=AAPL&range=all")
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert re.fullmatch(r"AAPL-1d-\d{4}-\d\d-\d\d\.png", download.value.suggested_filename)
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_first_tap_shows_what_a_second_one_opens(site: Site, open_page: OpenPage) -> None:
    page = _chart(site, open_page, "symbol=AAPL&train=1", viewport={"width": 390, "height": 844}, has_touch=True)
    dialog = page.get_by_role("dialog", name="Train a model")
    page.touchscreen.tap(100, 650)
    expect(page.locator("#train-preview")).to_contain_text("Training")
    expect(dialog).to_be_hidden()
    page.touchscreen.tap(106, 655)
    expect(dialog.get_by_role("button", name="Start Training")).to_be_visible()


def test_a_loaded_model_opens_at_its_test_window(site: Site, open_page: OpenPage, candle_run: str) -> None:
    page = open_page(site, f"/runs/{candle_run}/")
    page.get_by_role("link", name="Load This Model").click()
    expect(page.get_by_role("complementary", name="Live Predictions")).to_contain_text("Buy and hold")
    expect(page).to_have_url(re.compile("range=test"))
    page.keyboard.press("PageUp")  # the address then says what is in sight
    page.keyboard.press("PageDown")
    first, last = (datetime.fromtimestamp(seconds, tz=UTC) for seconds in _span(page))
    assert first < datetime(2010, 6, 15, tzinfo=UTC) < last < datetime(2010, 9, 1, tzinfo=UTC)
    assert timedelta(days=400) < last - first < timedelta(days=560)  # 300 bars and a window of 35


def _span(page: Page) -> tuple[int, int]:
    """Seconds of the first and last bar in sight, as the address says."""
    query = parse_qs(urlsplit(page.url).query)
    return int(query["from"][0]), int(query["to"][0])

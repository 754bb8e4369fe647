"""From the chart to a trained model, by mouse, by keyboard, and without JavaScript."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, Position, expect

from tests.browser.conftest import WORK_MS, OpenPage, log_in
from tests.browser.site import Site

DAY = re.compile(r"20\d\d-\d\d-\d\d")


def _ready(page: Page) -> Locator:
    """The chart, once its bars are there."""
    expect(page.locator("#legend")).to_contain_text("AAPL")
    return page.locator("#chart")


def _over(chart: Locator, share: float) -> Position:
    box = chart.bounding_box()
    assert box is not None
    return {"x": box["width"] * share, "y": box["height"] * 0.5}


def test_it_trains_the_candle_that_is_clicked(site: Site, page: Page) -> None:
    log_in(page, site)
    page.goto(f"{site.url}/backtest/")
    chart = _ready(page)
    page.get_by_role("button", name="Train Mode").click()
    expect(page.get_by_role("button", name="Train Mode: ON")).to_have_attribute("aria-pressed", "true")
    chart.click(position=_over(chart, 0.4))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Candle (UTC)")).to_have_value(DAY)
    expect(dialog.get_by_label("Test window (candles)", exact=True)).to_have_value("35")
    dialog.get_by_role("button", name="Start Training").dblclick()
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=WORK_MS)
    for word in ("Accuracy", "Precision", "Recall", "F1", "AUC", "MCC", "Best threshold"):
        expect(dialog.get_by_role("row", name=word).first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/runs/\w+/$"))
    expect(page).to_have_title(re.compile("Completed"))
    run_id = page.url.rstrip("/").rsplit("/", 1)[-1]

    dialog.get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", name="Log")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=f"results_poc_{run_id}.json").click()
    assert download.value.suggested_filename == f"results_poc_{run_id}.json"
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("link", name=run_id)).to_have_count(1)
    expect(page.locator("table.runs tbody tr").first).to_contain_text(run_id)  # the second click started nothing


def test_it_shows_what_a_click_would_use_and_what_is_missing(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&range=all")
    chart = _ready(page)
    chart.hover(position=_over(chart, 0.6))
    preview = page.locator("#train-preview")
    expect(preview).to_contain_text(re.compile(r"Training \d+ rows · \d+ % up"))
    expect(preview).to_contain_text("Validation")
    expect(preview).to_contain_text("Test 35 rows")
    chart.hover(position=_over(chart, 0.002))
    expect(preview).to_contain_text("are needed")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Train Mode: OFF")).to_be_visible()
    expect(page).not_to_have_url(re.compile("train=1"))


def test_the_bands_follow_the_form_and_the_decision_its_features(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1")
    chart = _ready(page)
    chart.click(position=_over(chart, 0.4))
    dialog, preview = page.get_by_role("dialog"), page.locator("#train-preview")
    dialog.get_by_text("Advanced").click()
    dialog.get_by_label("Gap (candles)", exact=True).fill("12")
    dialog.get_by_label("Test windows", exact=True).fill("3")
    dialog.get_by_label("Decision").select_option("next_open")
    expect(preview).to_contain_text("Gap 12 candles before validation and before test")
    expect(preview).to_contain_text("Test and 2 more windows")
    expect(dialog.get_by_label("Feature set")).to_have_value("chosen")
    dialog.get_by_label("raw_o_next").uncheck()
    expect(dialog.get_by_label("Decision")).to_have_value("close")
    dialog.get_by_label("raw_o_next").check()
    expect(dialog.get_by_label("Decision")).to_have_value("next_open")
    dialog.get_by_label("Feature set").select_option("poc16")
    expect(dialog.get_by_label("Decision")).to_have_value("close")


def test_it_can_be_done_by_keyboard(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL")
    _ready(page)
    page.keyboard.press("t")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#train-preview")).to_contain_text("Training")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    first = dialog.get_by_label("Candle (UTC)")
    expect(first).to_have_value(DAY)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("candle="))
    expect(page.get_by_role("button", name="Train Mode: ON")).to_be_visible()


@pytest.mark.parametrize("path", ["/training/new/", "/backtest/"])
def test_it_keeps_sliders_and_fields_together(site: Site, open_page: OpenPage, path: str) -> None:
    page = open_page(site, f"{path}?symbol=AAPL&candle=2010-06-15T00:00:00Z")
    field = page.get_by_label("Leaves", exact=True)
    slider = page.get_by_label("Leaves slider")
    slider.fill("40")
    expect(field).to_have_value("40")
    field.fill("20")
    expect(slider).to_have_value("20")


def test_it_says_in_the_dialog_what_is_wrong(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&candle=2010-06-13T00:00:00Z", may_complain=True)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Start Training").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is no candle of AAPL 1d. The nearest: 2010-06-11")
    dialog.get_by_label("Candle (UTC)").fill("2010-06-15")
    dialog.get_by_role("button", name="Start Training").click()
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=WORK_MS)


def test_it_goes_back_from_run_to_form_to_chart(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1")
    chart = _ready(page)
    chart.click(position=_over(chart, 0.3))
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Start Training").click()
    expect(page).to_have_url(re.compile(r"/runs/\w+/$"))
    page.go_back()
    expect(dialog.get_by_role("button", name="Start Training")).to_be_visible()
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("train=1"))


def test_it_optimizes_first_and_stops_with_the_best(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&candle=2012-03-15T00:00:00Z")
    dialog = page.get_by_role("dialog")
    options = dialog.get_by_role("group", name="Parameters to search")
    expect(options).to_be_hidden()
    dialog.get_by_label("Optimize first").check()
    dialog.get_by_label("Time (seconds)").fill("120")
    dialog.get_by_label("Search trials").fill("1000")
    options.get_by_label("Search Columns").uncheck()
    dialog.get_by_role("button", name="Start Training").click()
    expect(dialog.get_by_text(re.compile(r"Search trial \d+ of 1000"))).to_be_visible(timeout=WORK_MS)
    expect(dialog.get_by_text("Best log-loss so far")).to_be_visible()
    expect(dialog.get_by_text("Seconds left")).to_be_visible()
    study = page.url
    dialog.get_by_role("button", name="Stop and take the best").click()
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=WORK_MS)
    expect(dialog.get_by_role("columnheader", name="Yours")).to_be_visible()
    expect(dialog.get_by_role("row", name="Learning rate")).to_be_visible()
    dialog.get_by_role("link", name="Open the study").click()
    expect(page).to_have_url(study)
    expect(page.get_by_role("heading", name="All search trials")).to_be_visible()
    page.get_by_role("link", name="Log-loss").click()
    expect(page.locator("th.cell-inner")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Run it on rotated labels").click()
    expect(page.get_by_role("row", name="Labels rotated")).to_be_visible(timeout=WORK_MS)


def test_suggested_settings_are_compared_with_yours_by_a_click(site: Site, open_page: OpenPage) -> None:
    site.search()
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&candle=2012-03-15T00:00:00Z")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile(r"^Suggested: .* of \d+ candles"))).to_be_visible()
    leaves = dialog.get_by_label("Leaves", exact=True).input_value()
    dialog.get_by_role("button", name="Compare with yours").click()
    expect(page).to_have_url(re.compile("/runs/compare"))
    expect(page.get_by_text("p of the difference")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("row", name="Num leaves")).to_contain_text(leaves)


def test_it_works_without_javascript(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL", java_script_enabled=False)
    expect(page.get_by_role("table")).to_contain_text("Volume")
    page.get_by_label("Train AAPL at the candle of (UTC)").fill("2010-06-15")
    page.get_by_role("button", name="Choose settings").click()
    page.get_by_role("button", name="Start Training").click()
    expect(page).to_have_url(re.compile(r"/runs/\w+/$"))
    complete = page.get_by_role("columnheader", name="Test", exact=True)
    until = time.monotonic() + WORK_MS / 1000
    while not complete.is_visible() and time.monotonic() < until:
        page.reload()
    expect(complete).to_be_visible()
    page.goto("/runs/?status=completed&symbol=AAPL")
    expect(page.get_by_role("table")).to_contain_text("2010-06-15")

"""A model on the chart: loaded, its threshold moved, another beside it, all of it in the address."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site


@pytest.fixture(scope="module")
def models(site: Site) -> list[str]:
    """Two models of AAPL, trained at different candles."""
    train = ("train_poc", "--symbol", "AAPL", "--no-confirm", "--json", "--selected_candle_date")
    return [json.loads(site.manage(*train, day))["run_id"] for day in ("2010-06-15", "2011-03-10")]


def test_it_loads_a_model_from_its_page(site: Site, open_page: OpenPage, models: list[str]) -> None:
    page = open_page(site, f"/runs/{models[0]}/")
    page.get_by_role("link", name="Load This Model").click()
    panel = page.get_by_role("complementary", name="Live Predictions")
    expect(panel).to_contain_text(
        re.compile(r"P\(up\) [\d.]+ %, (above|below|at) this model's threshold of [\d.]+ %: predicted")
    )
    expect(panel).to_contain_text(re.compile(r"Of the \d+ candles after its training|its observed frequency"))
    expect(page.locator('[data-part="counts"]')).to_have_text(re.compile("Train.*Validation.*Test.*After", re.DOTALL))
    expect(panel).to_contain_text("Buy and hold")
    expect(page).to_have_url(re.compile(f"models={models[0]}"))


def test_it_follows_the_threshold_at_once_and_in_the_address(
    site: Site, open_page: OpenPage, models: list[str]
) -> None:
    page = open_page(site, f"/backtest/?symbol=AAPL&models={models[0]}&threshold=0")
    expect(page.get_by_role("row", name="Test 35 35 ")).to_be_visible()
    page.locator('[data-part="slider"]').fill("1")
    expect(page.get_by_role("row", name="Test 35 0 ")).to_be_visible()
    expect(page).to_have_url(re.compile(r"threshold=1\b"))
    expect(page.get_by_role("row", name="Model 0.0 0.0 –")).to_be_visible()
    page.get_by_label("Hits and misses").check()
    page.reload()
    expect(page.get_by_label("Hits and misses")).to_be_checked()
    expect(page.get_by_role("row", name="Test 35 0 ")).to_be_visible()


def test_it_shows_two_models_and_takes_them_off(site: Site, open_page: OpenPage, models: list[str]) -> None:
    page = open_page(site, f"/backtest/?symbol=AAPL&models={models[0]}")
    loaded = page.locator('[data-part="loaded"] li')
    expect(loaded).to_have_count(1)
    choice = page.get_by_label("Model", exact=True)
    expect(choice.locator("optgroup[label=Recent] option")).not_to_have_count(0)
    choice.select_option(models[1])
    expect(loaded).to_have_count(2)
    expect(loaded.first).to_contain_text("2011-03-10")
    for _ in range(2):
        loaded.first.get_by_role("button").click()
    expect(loaded).to_have_count(0)
    expect(page).not_to_have_url(re.compile("models="))
    page.go_back()
    expect(loaded).to_have_count(1)


def test_it_stacks_probabilities_equity_and_drawdown_below_the_volume(
    site: Site, open_page: OpenPage, models: list[str]
) -> None:
    page = open_page(site, f"/backtest/?symbol=AAPL&models={models[0]}&hits=1")
    rows = page.locator("#chart table tr")  # of panes, a separator between each two, and the time axis
    expect(rows).to_have_count(2 * 5)
    page.locator('[data-part="loaded"] li').get_by_role("button").click()
    expect(rows).to_have_count(2 * 2)


def test_it_asks_about_another_instrument_with_a_warning(site: Site, open_page: OpenPage, models: list[str]) -> None:
    page = open_page(site, f"/backtest/?symbol=IBM&models={models[0]}")
    expect(page.get_by_role("alert")).to_contain_text("trained on AAPL and has never seen IBM")
    expect(page.locator('[data-part="counts"]')).to_contain_text("After")


def test_it_says_that_a_model_is_gone(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&models=20200101_000000_none", may_complain=True)
    expect(page.get_by_role("alert")).to_contain_text("There is no run 20200101_000000_none")


def test_it_fits_a_narrow_window_with_a_model(site: Site, open_page: OpenPage, models: list[str]) -> None:
    page = open_page(site, f"/backtest/?symbol=AAPL&models={models[0]}", viewport={"width": 390, "height": 844})
    expect(page.locator('[data-part="counts"]')).to_contain_text("Test")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_it_goes_the_whole_way_from_a_click_to_an_undone_deletion(
    site: Site, open_page: OpenPage, models: list[str]
) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&range=5y&train=1")
    run = _train(page)
    page.get_by_role("dialog").get_by_role("link", name="Load This Model").click()
    expect(page).to_have_url(re.compile(f"models={run}"))
    expect(page.get_by_role("complementary", name="Live Predictions")).to_contain_text("Buy and hold")
    page.locator('[data-part="slider"]').fill("1")
    expect(page.get_by_role("row", name="Test 35 0 ")).to_be_visible()

    page.goto(f"/runs/{run}/")
    page.get_by_text("Add a name, notes, tags").click()
    page.get_by_label("Name", exact=True).fill("From the chart")
    page.get_by_label("Tags", exact=True).fill("walked twice")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("From the chart", exact=True)).to_be_visible()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("button", name="Pinned")).to_be_visible()
    page.get_by_role("link", name="walked").click()
    expect(page).to_have_url(re.compile(r"/runs/\?tag=walked$"))
    expect(page.locator("table.runs tbody tr")).to_have_count(1)

    page.goto("/runs/?status=completed&symbol=AAPL")
    _tick(page, run, models[1])
    page.get_by_role("button", name="Compare the ticked").click()
    expect(page.get_by_role("row", name="p of the difference")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "compared-runs.csv"
    page.go_back()
    _tick(page, run, models[1])
    page.get_by_role("button", name="Delete the ticked").click()
    page.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("2 runs were deleted")).to_be_visible()
    expect(page.locator("table.runs").get_by_role("link", name=run)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 runs are back.")).to_be_visible()
    page.get_by_role("link", name=run).click()
    expect(page.get_by_role("link", name="Load This Model")).to_be_visible()


def _train(page: Page) -> str:
    """Clicks a candle, starts, waits for the end; the run's id."""
    expect(page.locator("#legend")).to_contain_text("AAPL")
    chart = page.locator("#chart")
    box = chart.bounding_box()
    assert box is not None
    chart.click(position={"x": box["width"] * 0.6, "y": box["height"] * 0.5})
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Start Training").click()
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=WORK_MS)
    return page.url.rstrip("/").rsplit("/", 1)[-1]


def _tick(page: Page, *runs: str) -> None:
    for run in runs:
        page.get_by_label(f"Choose {run}").check()


def test_ticked_runs_become_an_ensemble_that_is_loaded_and_activated(
    site: Site, open_page: OpenPage, models: list[str]
) -> None:
    steady = ("--symbol", "AAPL", "--no-confirm", "--json", "--protocol", "steady")
    third = json.loads(site.manage("train_poc", *steady, "--selected_candle_date", "2011-03-10"))["run_id"]
    page = open_page(site, "/runs/?symbol=AAPL")
    for run_id in (*models, third):
        page.get_by_label(f"Choose {run_id}").check()
    page.get_by_role("button", name="Ensemble of the ticked").click()
    expect(page.get_by_role("heading", name="Ensemble AAPL 1d")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(1 + 3)
    page.get_by_label("Combined by").select_option("rank")
    page.get_by_role("button", name="Make the ensemble").click()
    load = page.get_by_role("link", name="Load This Model")
    expect(load).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("heading", name="Ensemble run AAPL 1d, 2011-03-10")).to_be_visible()
    expect(page.locator("#verdict-panel")).to_contain_text("nothing unseen to judge it by before 2011-04-29")
    for run_id in (*models, third):
        expect(page.get_by_role("link", name=re.compile(run_id))).to_be_visible()
    run_page = page.url
    load.click()
    panel = page.get_by_role("complementary", name="Live Predictions")
    expect(panel).to_contain_text("ensemble of 3")
    expect(panel).to_contain_text(re.compile(r"P\(up\) [\d.]+ %"))
    page.goto(run_page)
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_text("ensemble of 3, the mean of the percentile ranks")).to_be_visible()
    page.goto(re.sub(r".*/runs/(\w+)/", r"/models/ensemble-\1/gate/", run_page))
    page.get_by_label("Reason").fill("three agree")
    page.get_by_label(re.compile("Activate despite failed checks")).check()
    page.get_by_role("button", name="Activate", exact=True).click()
    expect(page.get_by_text(re.compile("three agree")).first).to_be_visible()

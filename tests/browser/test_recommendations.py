"""From a day's recommendations to their score, a challenger made by a schedule, and the home page."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DAYS, WORK_MS, OpenPage
from tests.browser.site import Site


def test_it_goes_from_advice_to_score_and_challenger(site: Site, open_page: OpenPage, version: str) -> None:
    page = open_page(site, f"/recommendations/?version={version}")
    expect(page.get_by_role("heading", name="Recommendations")).to_contain_text(DAYS[1])
    rows = page.locator("table.advice > tbody > tr:not(.why-row)")
    expect(rows).to_have_count(5)
    page.get_by_role("link", name=f"← {DAYS[0]}").click()
    expect(page.get_by_role("heading", name="Recommendations")).to_contain_text(DAYS[0])
    page.get_by_role("link", name="Symbol").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Symbol")
    label = rows.first.locator("td").nth(2).inner_text().strip("▲▼ ")
    page.locator("select[name=label]").select_option(label)
    page.get_by_role("button", name="Show").click()
    expect(rows.first).to_contain_text(label)
    why = rows.last.get_by_role("link", name="Why")
    why.click()
    heading = page.get_by_role("heading", name=f"Why {label} for")
    expect(heading).to_be_in_viewport()
    expect(page.locator(".reasons tbody tr")).to_have_count(10)
    expect(rows.last).to_be_in_viewport()
    page.get_by_role("button", name="Close the reasons").press("Enter")
    expect(heading).to_have_count(0)
    expect(why).to_be_focused()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == f"recommendations-{DAYS[0]}.csv"

    page.goto("/schedules/")
    page.locator("select[name=universe]").select_option("demo")
    page.get_by_role("button", name="Schedule this universe").click()
    result = _run_now(page, "Score all")
    expect(result).to_contain_text(re.compile(r"\d+ scored, \d+ pending"), timeout=WORK_MS)
    result = _run_now(page, "Retrain demo")
    expect(result).to_contain_text("Challenger universe-", timeout=WORK_MS)

    page.goto("/recommendations/")
    page.get_by_role("link", name="Scorecard").click()
    expect(page.get_by_role("heading", name="Challenger beside champion")).to_contain_text("demo, 10 trading days")
    expect(page.locator("section.card", has_text=version).last).to_contain_text("2010-08")
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="demo 10 trading days ahead")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"Recommendations at the close of {DAYS[1]}")
    expect(page.locator("main")).to_contain_text(re.compile("ha(s|ve) matured: |none of them a BUY"))


def _run_now(page: Page, job: str) -> Locator:
    row = page.get_by_role("row", name=re.compile(f"^{job} "))
    row.get_by_role("button", name="Run now").click()
    return page.get_by_role("row", name=re.compile(f"^{job} ")).locator(".schedule-result")


def test_its_pages_fit_a_narrow_window(site: Site, open_page: OpenPage, version: str) -> None:
    page = open_page(site, "/", viewport={"width": 390, "height": 844})
    for path in ("/", "/recommendations/", "/recommendations/scorecard/", "/recommendations/drift/", "/schedules/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

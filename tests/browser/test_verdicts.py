"""Verdicts as a person meets them: confirmed in place, proved on demand, and not fooled by twenty clicks."""

import re
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.noise import SYMBOL, import_noise
from tests.browser.site import Site
from training.quant.candle.spec import RANGES

CLICKS = 20
AT_ONCE_MS = 250


@pytest.fixture(scope="module")
def noise_days(site: Site, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return import_noise(site, tmp_path_factory.mktemp("noise"))


def _train(page: Page, **values: str) -> None:
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start Training").click()
    expect(page.get_by_role("columnheader", name="Test", exact=True)).to_be_visible(timeout=WORK_MS)


def _strip(page: Page) -> Locator:
    return page.get_by_role("list", name="AUC of each window")


def test_it_confirms_in_place_and_proves_on_demand(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/training/new/?symbol=AAPL&candle=2010-03-15")
    page.evaluate("window.stayed = true")
    _train(page)
    expect(_strip(page).get_by_role("listitem")).to_have_count(12, timeout=WORK_MS)
    expect(page.get_by_role("listitem").filter(has_text="this run")).to_have_count(1)
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("over 385 candles it was")
    expect(verdict).to_contain_text(re.compile(r"\d+ trials? on AAPL"))
    expect(page.locator("#verdict-panel[hx-trigger]")).to_have_count(0)
    expect(page).to_have_title("Candle run AAPL 1d, 2010-03-15 · Boursomatic")
    expect(page.get_by_text("Last outcome used 2010-03-15 ≤ decision 2010-03-15 < first test outcome")).to_be_visible()

    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Bit-identical")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="Run the noise control").click()
    expect(page.get_by_text("With its labels rotated in time")).to_be_visible(timeout=WORK_MS)
    expect(page.locator(".rotated-dot")).to_have_count(30)
    expect(page.locator("[hx-trigger]")).to_have_count(0)

    verdict.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Trials on AAPL")).to_be_visible()
    expect(page.locator(".trial-dot").first).to_be_attached()


def test_it_confirms_later_what_was_trained_without(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/runs/")
    run_id = _post(page, {"candle_date": "2009-03-16", "symbol": "AAPL", "confirm": False}).json()["run_id"]
    page.goto(f"/runs/{run_id}/")
    confirm = page.get_by_role("button", name="Confirm", exact=True)
    expect(confirm).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("This run was started without confirmation")).to_be_visible()
    confirm.click()
    expect(_strip(page)).to_be_visible(timeout=WORK_MS)


def test_it_explains_a_figure_within_the_dialog(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/?symbol=AAPL&train=1&candle=2010-04-15T00:00:00Z")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Start Training").click()
    dialog.get_by_role("button", name="MCC", exact=True).click(timeout=WORK_MS)
    note = page.get_by_role("note", name="MCC")
    expect(note).to_be_visible()
    expect(note).to_contain_text("What it can't say")
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    expect(dialog).to_be_visible()


def test_it_is_not_fooled_by_twenty_clicks_on_noise(site: Site, open_page: OpenPage, noise_days: list[str]) -> None:
    """The false-alarm rate of the whole story is 5 % by design; with these seeds it is a fixed outcome."""
    page = open_page(site, "/runs/")
    runs = []
    for click in range(CLICKS):
        body = {
            "symbol": SYMBOL,
            "candle_date": noise_days[400 + 12 * click],
            "train_years": RANGES["train_years"].low,
            "test_window_size": 10,
            "params": {"num_leaves": 15, "max_depth": 3, "learning_rate": 0.2},
        }
        runs.append(_post(page, body).json()["run_id"])
    answers = [_confirmed(page, run_id) for run_id in runs]
    assert max(answer["test_metrics"]["auc"] or 0 for answer in answers) > 0.6  # what the usual recipe would show
    assert {answer["verdict"]["label"] for answer in answers} <= {"no_evidence", "weak"}
    assert {answer["verdict"]["trial"] for answer in answers} == set(range(1, CLICKS + 1))

    luckiest = max(answers, key=lambda answer: answer["test_metrics"]["auc"] or 0)
    page.goto(f"/runs/{luckiest['run_id']}/")
    expect(page.locator(".verdict")).to_contain_text(f"{luckiest['verdict']['trial']:,} trial")
    expect(page.locator(".verdict-evidence")).to_have_count(0)
    page.goto(f"/runs/?symbol={SYMBOL}")
    expect(page.locator("table.runs").get_by_text("evidence", exact=True)).to_have_count(0)
    page.goto(f"/trials/?symbol={SYMBOL}")
    expect(page.locator(".trial-dot")).to_have_count(CLICKS)
    expect(page.locator(".trial-dot.is-evidence")).to_have_count(0)


def _post(page: Page, body: dict[str, Any]) -> APIResponse:
    """A click by a program of the same person; waits where too many runs are active."""
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    headers = {"X-CSRFToken": cookies["csrftoken"], "Referer": page.url}
    for _ in range(int(WORK_MS) // AT_ONCE_MS):
        answer = page.request.post("/api/training/run-poc", data=body, headers=headers)
        if answer.status != 429:
            assert answer.status == 202, answer.text()
            return answer
        page.wait_for_timeout(AT_ONCE_MS)
    raise AssertionError("the queue stayed full")


def _confirmed(page: Page, run_id: str) -> dict[str, Any]:
    for _ in range(int(WORK_MS) // AT_ONCE_MS):
        answer: dict[str, Any] = page.request.get(f"/api/training/poc-runs/{run_id}").json()
        if answer["confirmation"] and answer["confirmation"]["status"] == "completed":
            return answer
        page.wait_for_timeout(AT_ONCE_MS)
    raise AssertionError(f"run {run_id} was not confirmed in time")

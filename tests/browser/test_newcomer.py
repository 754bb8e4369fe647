"""From a fresh start to scored recommendations, in the order of a newcomer, who has a browser and nothing else."""

import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from boursomatic.env import ROOT
from tests.browser.conftest import WORK_MS
from tests.browser.site import NAME, PASSWORD, Site, running_site

MOST = 40  # clicks and filled fields
FRENCH = "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume"


class Hand:
    """What a person does on a page, counted: each click and each filled field is one."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def click(self, target: Locator, *, waits: bool = False) -> None:
        """`waits`: for what a worker does before there is such a target."""
        self.count += 1
        target.click(timeout=WORK_MS if waits else None)

    def link(self, name: str | re.Pattern[str], *, waits: bool = False) -> None:
        self.click(self.page.get_by_role("link", name=name).first, waits=waits)

    def button(self, name: str | re.Pattern[str], *, waits: bool = False) -> None:
        self.click(self.page.get_by_role("button", name=name), waits=waits)

    def fill(self, label: str, text: str) -> None:
        self.count += 1
        self.page.get_by_label(label).fill(text)

    def choose(self, label: re.Pattern[str], files: list[FilePayload]) -> None:
        self.count += 2  # the field, and the files in the dialog of the system
        self.page.get_by_label(label).set_input_files(files)


@pytest.fixture(params=["French files", "demo"])
def fresh_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path / "home", demo=request.param == "demo") as running:
        yield running


def _french_files() -> list[FilePayload]:
    """The demo's bars as a French bank hands them out: a file for each symbol, no word of the symbol within."""
    lines: dict[str, list[str]] = {}
    with gzip.open(ROOT / "instruments" / "demo" / "stocks.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            day = "/".join(reversed(row["Date"].split("-")))
            cells = [row[name].replace(".", ",") for name in ("Open", "High", "Low", "Close", "Volume")]
            lines.setdefault(row["Ticker"], [FRENCH]).append(";".join((day, *cells)))
    return [
        {"name": f"{symbol}.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
        for symbol, rows in lines.items()
    ]


def _upload(hand: Hand) -> None:
    hand.link("Upload bars")
    hand.choose(re.compile("Choose files of bars"), _french_files())
    hand.button("Upload and check")
    expect(hand.page.get_by_role("heading", name="What the files hold")).to_be_visible(timeout=WORK_MS)
    expect(hand.page.get_by_role("cell", name="day first, decimal comma")).to_have_count(5)
    hand.fill("Add to the universe", "banque")
    hand.button("Store")


def _train_a_candle(hand: Hand) -> None:
    page = hand.page
    hand.link("Open the chart", waits=True)
    expect(page.locator("#legend")).to_contain_text("AAPL")
    hand.button("Train Mode")
    hand.click(page.locator("#chart"))
    hand.button("Start Training")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=WORK_MS)
    hand.click(dialog.get_by_role("button", name="Close").last)


def test_a_newcomer_comes_from_nothing_to_a_scorecard_with_money(
    fresh_site: Site, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    hand = Hand(page)
    page.goto(fresh_site.url)
    hand.fill("Name", NAME)
    hand.fill("Password", PASSWORD)
    hand.button("Log in")
    expect(page.get_by_role("heading", name="From data to scored recommendations")).to_be_visible()
    if page.get_by_role("link", name="Upload bars").is_visible():
        _upload(hand)
    _train_a_candle(hand)

    hand.link("Home")
    hand.button(re.compile("Train on the universe (banque|demo)"))
    hand.link("Activation checks", waits=True)
    hand.fill("Reason, shown with the model", "To see how it goes")
    override = page.get_by_label(re.compile("Activate despite failed checks"))
    if override.is_visible():
        hand.click(override)
    hand.button("Activate")
    hand.button("Recommend on the newest bar")
    hand.link("Show the recommendations", waits=True)
    expect(page.get_by_role("heading", name="Recommendations")).to_contain_text("2013-03-01")
    expect(page.locator("table.advice > tbody > tr:not(.why-row)")).to_have_count(5)

    hand.link("Home")
    hand.button("Train as of one year before the newest bar")
    hand.link("Replay the days since", waits=True)
    hand.button("Replay")
    hand.link("Scorecard", waits=True)
    hand.button("Score now")
    hand.link("Open the scorecard", waits=True)
    expect(page.get_by_role("heading", name="Money")).to_contain_text("trading days")
    expect(page.get_by_role("row", name=re.compile("^BUYs followed"))).to_be_visible()
    hand.link("Home")
    expect(page.get_by_role("heading", name=re.compile("20 trading days ahead"))).to_be_visible()
    expect(page.get_by_role("heading", name="From data to scored recommendations")).to_have_count(0)
    with capsys.disabled():
        print(f"\n{hand.count} clicks and filled fields")  # noqa: T201  (how long the way is)
    assert hand.count <= MOST
    assert not complaints

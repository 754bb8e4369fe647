"""Pages for everybody: axe-core finds nothing on them, the keyboard is never lost, the menu is always at hand."""

import json
import re
from itertools import pairwise
from typing import Literal

import pytest
from playwright.sync_api import Dialog, Page, expect

from boursomatic.env import ROOT
from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import NAME, PASSWORD, Site

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = (
    "/", "/recommendations/", "/recommendations/?version={version}", "/recommendations/new",
    "/recommendations/new?when=replay", "/recommendations/scorecard/", "/recommendations/drift/",
    "/recommendations/1/why", "/backtest/", "/backtest/?train=1", "/backtest/?symbol=AAPL&models={candle}", "/runs/",
    "/runs/?status=failed", "/runs/bulk-delete/", "/runs/{candle}/", "/runs/{universe}/", "/runs/{walk}/",
    "/runs/{walk}/positions/", "/runs/{study}/",
    "/runs/compare?runs={candle}", "/runs/nowhere/", "/models/", "/models/{version}/gate/", "/models/candle-{candle}/",
    "/models/history/", "/trials/", "/trials/?universe=demo", "/instruments/", "/schedules/", "/workers/", "/notices/",
    "/notices/?kind=precision", "/account/", "/account/password/", "/account/second-factor/", "/members/",
    "/audit/?verify=1", "/backups/",
    "/training/new/?candle=2010-06-15&gap=3", "/training/universe/", "/training/universe/?how=walk",
    "/universes/demo/?find=a", "/instrument/?symbol=AAPL",
    "/models/{version}/", "/training/sweep/?start=2005-01-01&end=2009-01-01", "/runs/{sweep}/",
    "/runs/{sweep}/cells/0", "/runs/{sweep}/rows/?one=0&other=1", "/training/ensemble/?runs={candle}",
    "/training/ensemble/?runs={candle}&runs={steady}", "/runs/{ensemble}/", "/models/ensemble-{ensemble}/",
)  # fmt: skip


ENSEMBLE = """
from training.recipes.ensemble.members import parse_ensemble
from training.worker.foreground import create_claimed, execute_family
family = create_claimed(parse_ensemble({{"run_ids": ["{candle}", "{steady}"]}}))
execute_family(family, None)
print(family[-1].run_id)
"""


@pytest.fixture(scope="module")
def names(site: Site, version: str) -> dict[str, str]:
    """What the addresses of PAGES name."""
    more = ("--no-confirm", "--json", "--gap", "3", "--windows", "2", "--folds", "2")
    train = ("train_poc", "--symbol", "AAPL", "--selected_candle_date", "2010-06-15", *more)
    candle = json.loads(site.manage(*train))["run_id"]
    steady = json.loads(site.manage(*train, "--protocol", "steady"))["run_id"]
    walk = ("walk_forward", "--universe", "demo", "--horizon", "10", "--folds", "2", "--step", "30", "--json")
    study = ("optimize", "--symbol", "AAPL", "--selected_candle_date", "2010-06-15", "--trials", "10", "--no-train")
    sweep = ("sweep", "--symbol", "AAPL", "--from", "2005-01-01", "--to", "2008-01-01", "--train-years", "1", "2",
             "--protocol", "steady", "--json")  # fmt: skip
    site.manage("score_recommendations")
    return {
        "version": version,
        "universe": version.removeprefix("universe-"),
        "candle": candle,
        "steady": steady,
        "ensemble": site.manage("shell", "-c", ENSEMBLE.format(candle=candle, steady=steady)).split()[-1],
        "walk": json.loads(site.manage(*walk))["run_id"],
        "study": json.loads(site.manage(*study, "--json"))["study_id"],
        "sweep": json.loads(site.manage(*sweep))["sweep_id"],
    }


def _violations(page: Page) -> list[str]:
    """What axe-core finds in light and dark, wide and narrow."""
    page.evaluate(AXE)
    lines = []
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            answer = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            for rule in answer["violations"]:
                where = "; ".join(f"{node['target'][0]}: {node['failureSummary']}" for node in rule["nodes"][:3])
                lines.append(f"{page.url}, {size['width']} px, {scheme}: {rule['id']}: {where}")
    return lines


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page(site: Site, open_page: OpenPage, names: dict[str, str]) -> None:
    page = open_page(site, "/", may_complain=True, bypass_csp=True, reduced_motion="reduce")
    lines = []
    for path in PAGES:
        page.goto(path.format(**names), wait_until="networkidle" if path.startswith("/backtest") else "load")
        lines += _violations(page)
    page.goto("/backtest/?symbol=AAPL")
    expect(page.locator("#legend")).to_contain_text("AAPL")
    page.get_by_text("Indicators", exact=True).click()
    page.get_by_label("RSI 14", exact=True).check()
    expect(page.locator("#legend")).to_contain_text("RSI 14")
    lines += _violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start Training").wait_for()
    lines += _violations(page)
    page.goto("/members/")
    page.get_by_label("Name", exact=True).fill("Erin")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link to send").input_value()
    lines += _violations(page)
    page.context.clear_cookies()
    for path in ("/login/", link, "/invitation/nothing/nothing/"):
        page.goto(path)
        lines += _violations(page)
    assert lines == []


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_menu_stays_in_sight_and_has_every_page(
    size: dict[str, int], site: Site, open_page: OpenPage, names: dict[str, str]
) -> None:
    page = open_page(site, f"/runs/{names['universe']}/", viewport=size)
    page.get_by_role("heading", name="Log").scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > size["height"] / 2
    expect(page.get_by_role("navigation", name="Main")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    if size == NARROW:
        page.get_by_text("More", exact=True).click()
    labels = "Home Recommendations Backtest Runs Models Trials Instruments Schedules Workers API"
    for label in labels.split():
        expect(page.locator(".rail").get_by_role("link", name=label, exact=True)).to_be_in_viewport(ratio=1)


def test_the_keyboard_alone_goes_from_login_to_a_loaded_model(site: Site, page: Page) -> None:
    """And is in the dialog still when the result has come."""
    page.goto(f"{site.url}/login/")
    page.locator("[name=username]:focus").wait_for()
    for text in (NAME, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Home").wait_for()
    _tab_to(page, "Backtest")
    page.keyboard.press("Enter")
    expect(page.locator("#legend")).to_contain_text("AAPL")
    page.keyboard.press("t")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start Training")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Training Complete!")).to_be_focused(timeout=WORK_MS)
    _tab_to(page, "Load This Model")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Live Predictions")).to_be_visible()


def _tab_to(page: Page, name: str) -> None:
    link = page.get_by_role("link", name=name, exact=True)
    for _ in range(100):
        if link.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} can't be reached by the tabulator.")


def test_the_matrices_of_many_rows_stand_clear_of_each_other(
    site: Site, open_page: OpenPage, names: dict[str, str]
) -> None:
    page = open_page(site, f"/runs/{names['universe']}/", viewport=WIDE)
    cells = "for (const cell of document.querySelectorAll('.confusion td.num')) cell.firstChild.data = '1,234,567 '"
    page.evaluate(cells)
    for width in (1440, 1100, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        first, second = (table.bounding_box() for table in page.locator(".confusions > *").all())
        assert first and second
        beside, below = first["x"] + first["width"] <= second["x"], first["y"] + first["height"] <= second["y"]
        assert beside or below
        outside = (
            "[...document.querySelectorAll('.confusions > *')].some(box => getComputedStyle(box).overflowX !== 'auto')"
        )
        assert not page.evaluate(outside)


def test_the_labels_of_bands_are_whole_and_apart(site: Site, open_page: OpenPage) -> None:
    """Of a wide band with its text, of narrow ones with the part's name, none over another or out of the chart."""
    page = open_page(site, "/backtest/")
    labels = page.evaluate("""async () => {
        const { placeLabels } = await import("/static/js/chart/bands.js");
        const band = (part, left, right) => ({ band: { part, text: "x".repeat(30) }, left, right });
        const bands = [band("train", 0, 300), band("validation", 300, 320), band("test", 320, 330)];
        bands.push(band("after", 795, 800));
        return placeLabels(bands, (text) => 6 * text.length, 800);
    }""")
    assert [label["text"] for label in labels] == ["x" * 30, "Validation", "Test", "After"]
    ends = [(label["x"], label["x"] + label["length"]) for label in labels]
    assert all(end < start for (_, end), (start, _) in pairwise(ends)) and ends[-1][1] <= 800


def test_a_pressed_button_looks_pressed_and_not_disabled(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/backtest/")
    pressed, other = page.get_by_role("button", name="Adjusted"), page.get_by_role("button", name="Raw")
    expect(pressed).to_have_attribute("aria-pressed", "true")
    colour = "element => [getComputedStyle(element).backgroundColor, getComputedStyle(element).opacity]"
    assert pressed.evaluate(colour) != other.evaluate(colour) and pressed.evaluate(colour)[1] == "1"
    assert pressed.evaluate("element => getComputedStyle(element).fontWeight") == "600"


def test_it_asks_before_what_can_not_be_undone(site: Site, open_page: OpenPage) -> None:
    page = open_page(site, "/account/")
    page.get_by_label("Name").fill("of the browser")
    page.get_by_role("button", name="Make token").click()
    questions: list[str] = []

    def refuse(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    revoke = page.get_by_role("button", name="Revoke of the browser")
    revoke.click()
    expect(revoke).to_be_visible()
    page.goto("/schedules/")
    page.locator("select[name=universe]").select_option("all")
    page.get_by_role("button", name="Schedule this universe").click()
    delete = page.get_by_role("button", name=re.compile("^Delete Recommend all"))
    delete.click()
    expect(delete).to_be_visible()
    assert [question.split("?")[0] for question in questions] == [
        "Revoke the token of the browser", "Delete the schedule Recommend all",
    ]  # fmt: skip
    page.remove_listener("dialog", refuse)
    page.on("dialog", lambda dialog: dialog.accept())
    delete.click()
    expect(page.get_by_text("Recommend all: deleted.")).to_be_visible()

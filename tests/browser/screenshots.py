"""Pictures of every page for the documentation: `scripts/screenshots [FOLDER]`, docs/screenshots by default.

Starts a site of its own with the demo data, trains, and takes each state in light and dark, wide and narrow.
"""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, Position, Route, expect, sync_playwright

from boursomatic.env import ROOT
from tests.browser.conftest import log_in
from tests.browser.site import Site, running_site

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
TRIES = 20
WAIT_MS = 120_000.0  # an end of waiting, not a measure
SLOWLY = {
    "Training period (years)": "10",
    "Learning rate": "0.01",
    "Leaves": "63",
    "Depth": "12",
    "Min child samples (rows)": "10",
}
CHART = "/backtest/?symbol=AAPL&range=5y"
TRAINED = "2012-12-31"
ADVISE = """
from datetime import date, timedelta
from predictions.recommendations.make import active_model, recommendations_make
for days in range(33):
    recommendations_make(model=active_model("demo"), as_of=date(2013, 1, 2) + timedelta(days=days))
"""


class Camera:
    """One browser context in one theme and size; pictures are named after both."""

    def __init__(self, browser: Browser, site: Site, folder: Path, theme: Theme, size: str) -> None:
        width, height = SIZES[size]
        self.page = browser.new_context(
            base_url=site.url, viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
        ).new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.folder, self.end = folder, f"{size}-{theme}.png"
        log_in(self.page, site)

    def take(self, name: str, *, whole: bool = False) -> None:
        self.page.screenshot(path=self.folder / f"{name}-{self.end}", full_page=whole)

    def universe(self, version: str, walk: str) -> None:
        """From the form of a universe run to the scorecard of what the active model advised."""
        run = version.removeprefix("universe-")
        pages = {
            "universe-form": "/training/universe/?universe=demo",
            "universe-run": f"/runs/{run}/",
            "walk": walk,
            "positions": f"{walk}positions/",
            "models": "/models/",
            "gate": f"/models/{version}/gate/",
            "history": "/models/history/",
            "recommendations": "/recommendations/",
            "scorecard": "/recommendations/scorecard/",
            "drift": "/recommendations/drift/",
            "schedules": "/schedules/",
            "notices": "/notices/",
            "home": "/",
        }
        for name, path in pages.items():
            self.page.goto(path, wait_until="networkidle")
            self.take(name, whole=True)
        self.page = self.page.context.new_page()  # after pictures of whole pages one that is scrolled comes out shifted
        self.page.goto("/recommendations/")
        self.page.get_by_role("link", name="Why").first.click()
        expect(self.page.get_by_role("heading", name=re.compile("^Why "))).to_be_visible()
        self.take("why")

    def all(self) -> None:
        page = self.page
        chart = self._chart(CHART)
        self.take("chart")
        page.keyboard.press("t")
        chart.hover(position=_over(chart))
        expect(page.locator("#train-preview")).to_contain_text("Test 35 rows")
        self.take("train-mode")
        chart.click(position=_over(chart))
        dialog = page.get_by_role("dialog")
        start = dialog.get_by_role("button", name="Start Training")
        expect(start).to_be_visible()
        self.take("dialog-form")
        self._progress(dialog)
        chart = self._chart(CHART + "&train=1")
        chart.click(position=_over(chart))
        start.click()
        _complete(dialog)
        expect(dialog.get_by_role("list", name="AUC of each window")).to_be_visible(timeout=60_000)
        self.take("dialog-complete")
        dialog.get_by_role("link", name="Open the run").click()
        expect(page.get_by_role("heading", name="Log")).to_be_visible()
        self._proofs()
        self._describe()
        self.take("run", whole=True)
        page.get_by_role("button", name="Adjusted p").first.click()
        self.take("note")
        self._model()
        for name in ("runs", "trials", "instruments", "data"):
            page.goto(f"/{name}/")
            self.take(name)
        self._study()
        self._suggestion()
        self._windows()
        self._sweep()

    def _model(self) -> None:
        """The model on the chart, its card, two runs side by side, and an ensemble of two."""
        page = self.page
        page.reload()
        page.get_by_role("link", name="Model card").click()
        self.take("card", whole=True)
        page.go_back()
        page.get_by_role("link", name="Load This Model").click()
        expect(page.get_by_role("row", name="Buy and hold")).to_be_visible()
        self.take("model", whole=True)
        page.goto("/runs/?status=completed")
        for box in page.get_by_role("checkbox").all()[:2]:
            box.check()
        page.get_by_role("button", name="Compare the ticked").click()
        self.take("compare", whole=True)
        page.goto("/runs/?status=completed&kind=candle&symbol=AAPL")
        for box in page.get_by_role("checkbox").all()[:2]:
            box.check()
        page.get_by_role("button", name="Ensemble of the ticked").click()
        self.take("ensemble-form", whole=True)
        page.get_by_role("button", name="Make the ensemble").click()
        expect(page.get_by_role("link", name="Load This Model")).to_be_visible(timeout=60_000)
        self.take("ensemble", whole=True)

    def _study(self) -> None:
        """The search before a run: asked for, on its way, and its page."""
        chart = self._chart(CHART + "&train=1")
        chart.click(position=_over(chart))
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Optimize first").check()
        self.take("dialog-optimize")
        dialog.get_by_role("button", name="Start Training").click()
        expect(dialog.get_by_text(re.compile(r"Search trial \d\d of 60"))).to_be_visible(timeout=60_000)
        self.take("dialog-study")
        _complete(dialog)
        dialog.get_by_role("link", name="Open the study").click()
        rotate, rotated = (
            self.page.get_by_role("button", name="Run it on rotated labels"),
            self.page.get_by_role("row", name="Labels rotated"),
        )
        expect(rotate.or_(rotated)).to_be_visible()
        if rotate.is_visible():  # the same study may have been taken before, in another size or theme
            rotate.click()
        expect(rotated).to_be_visible(timeout=60_000)
        self.take("study", whole=True)

    def _suggestion(self) -> None:
        """What searches in like markets did well with, and such a run beside one of ours."""
        page = self.page
        chart = self._chart(CHART + "&train=1")
        chart.click(position=_over(chart))
        button = page.get_by_role("dialog").get_by_role("button", name="Compare with yours")
        button.scroll_into_view_if_needed()
        self.take("dialog-suggestion")
        button.click()
        expect(page.get_by_text("p of the difference")).to_be_visible(timeout=60_000)
        self.take("compare-suggested", whole=True)

    def _windows(self) -> None:
        """A run with several test windows, a gap before them, and folds."""
        page = self.page
        page.goto("/training/new/?symbol=AAPL&candle=2010-06-15T00:00:00Z&windows=5&gap=5&folds=4")
        page.get_by_role("button", name="Start Training").click()
        expect(page.get_by_role("list", name="AUC of each window")).to_be_visible(timeout=60_000)
        self.take("windows", whole=True)

    def _sweep(self) -> None:
        """Many candles with several training periods: asked for, the map, and the map below the price."""
        page = self.page
        page.goto("/training/sweep/?symbol=AAPL&start=2006-01-01&end=2008-12-31", wait_until="networkidle")
        self.take("sweep-form", whole=True)
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".verdict")).to_contain_text("trial", timeout=120_000)
        page.locator(".sweep-map .cell").first.click()
        expect(page.locator("#sweep-cell")).to_contain_text("Training rows")
        self.take("sweep", whole=True)
        page.get_by_role("link", name="Below the chart").click()
        page.wait_for_load_state("networkidle")
        self.take("sweep-chart")

    def _proofs(self) -> None:
        self.page.get_by_role("button", name="Verify").click()
        expect(self.page.get_by_text("Bit-identical")).to_be_visible(timeout=60_000)
        self.page.get_by_role("button", name="Run the noise control").click()
        expect(self.page.get_by_text("With its labels rotated")).to_be_visible(timeout=60_000)

    def _describe(self) -> None:
        page = self.page
        page.get_by_text("Add a name, notes, tags").click()
        page.get_by_label("Name", exact=True).fill("The default settings")
        page.get_by_label("Tags", exact=True).fill("baseline")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("link", name="baseline")).to_be_visible()

    def _chart(self, path: str) -> Locator:
        self.page.goto(path)
        expect(self.page.locator("#legend")).to_contain_text("AAPL")
        return self.page.locator("#chart")

    def _progress(self, dialog: Locator) -> None:
        """A fit is over in less than a second: the poll that has seen it boost is the last to be answered."""
        boosting = re.compile(r"boosting round \d")
        seen = False

        def hold(route: Route) -> None:
            nonlocal seen
            if seen:
                return
            answer = route.fetch()
            seen = boosting.search(answer.text()) is not None
            route.fulfill(response=answer)

        self.page.route("**/runs/*/?in=dialog", hold)
        for _ in range(TRIES):
            for name, value in SLOWLY.items():
                dialog.get_by_label(name, exact=True).fill(value)
            dialog.locator("details.advanced").evaluate("element => element.open = true")
            dialog.get_by_label("Protocol").select_option("poc")
            dialog.get_by_role("button", name="Start Training").click()
            expect(dialog.get_by_text(boosting).or_(dialog.get_by_text("Training Complete!"))).to_be_visible(
                timeout=60_000
            )
            if seen:
                break
            self.page.go_back()
        else:
            raise RuntimeError(f"None of {TRIES} fits took long enough to be seen.")
        self.take("dialog-progress")
        self.page.unroute("**/runs/*/?in=dialog")


def _lived(site: Site) -> str:
    """A model of the demo universe that was trained as of a day, and advised and scored on later ones."""
    words = ("--universe", "demo", "--recipe", "phase22", "--lookback-days", "2000", "--as-of", TRAINED, "--json")
    site.manage("compute_features", "--universe", "demo")
    version: str = json.loads(site.manage("train", *words))["version"]
    site.manage("activate_model", version, "--reason", "Held to account from January on", "--override")
    site.manage("shell", "--command", ADVISE)
    site.manage("score_recommendations")
    return version


def _walked(page: Page, site: Site) -> str:
    """The address of a walk that the workers have carried, and a schedule on its page."""
    log_in(page, site)
    page.goto(f"{site.url}/schedules/")
    page.get_by_label("Universe").select_option("demo")
    page.get_by_role("button", name="Schedule this universe").click()
    page.goto(f"{site.url}/training/universe/?universe=demo&how=walk")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_title(re.compile("^Walk-forward run"), timeout=120_000)
    return page.url


def _complete(dialog: Locator) -> None:
    expect(dialog.get_by_role("heading", name="Training Complete!")).to_be_visible(timeout=60_000)


def _over(chart: Locator) -> Position:
    box = chart.bounding_box()
    assert box is not None
    return {"x": box["width"] * 0.65, "y": box["height"] * 0.5}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_site(Path(home)) as site, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        version, walk = _lived(site), _walked(browser.new_page(), site)
        site.search()
        for theme in THEMES:
            for size in SIZES:
                camera = Camera(browser, site, folder, theme, size)
                camera.all()
                camera.universe(version, walk)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots")

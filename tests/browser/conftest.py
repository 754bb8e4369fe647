"""One site for all browser tests; each test has a fresh browser context, and no complaint of the browser passes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.browser.site import NAME, PASSWORD, Site, running_site

DAYS = ("2010-08-02", "2010-08-03")
OpenPage = Callable[..., Page]
# Ends of waiting, not measures: what comes early costs nothing, and a busy machine takes many times as long.
PAGE_MS = 60_000.0  # for a page and what stands on it
WORK_MS = 900_000.0  # for what a worker does, also one that is nice while other tests run
expect.set_options(timeout=PAGE_MS)


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Playwright's own fixture, which `page` is made from, with our end of waiting."""
    context.set_default_timeout(PAGE_MS)
    return context


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def idle_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose workers don't run: what is asked for stays queued."""
    with running_site(tmp_path_factory.mktemp("idle"), workers=0) as running:
        yield running


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that knows no prices."""
    with running_site(tmp_path_factory.mktemp("empty"), workers=0, demo=False) as running:
        yield running


@pytest.fixture(scope="session")
def version(site: Site) -> str:
    """A model of the demo universe with a horizon of its own, active, and asked about DAYS."""
    site.manage("compute_features", "--universe", "demo")
    words = ("--universe", "demo", "--horizon", "10", "--lookback-days", "900", "--as-of", "2010-06-30")
    words += ("--recipe", "phase22")  # five companies are too few for honest
    made: str = json.loads(site.manage("train", *words, "--json"))["version"]
    site.manage("activate_model", made, "--reason", "for the browser", "--override")
    for day in DAYS:
        site.manage("recommend", "--model", made, "--as-of", day)
    return made


@pytest.fixture(scope="session")
def logged_in(browser: Browser) -> Callable[[Site], StorageState]:
    """The cookies of the first account on a site, logged in once."""
    kept: dict[str, StorageState] = {}

    def of(site: Site) -> StorageState:
        if site.url not in kept:
            context = browser.new_context()
            context.set_default_timeout(PAGE_MS)
            page = context.new_page()
            log_in(page, site)
            kept[site.url] = context.storage_state()
            context.close()
        return kept[site.url]

    return of


@pytest.fixture
def open_page(browser: Browser, logged_in: Callable[[Site], StorageState]) -> Iterator[OpenPage]:
    """`open_page(site, "/runs/", **options of the context)`: a page of who is logged in. At the end the browser must
    not have complained: no error in the console, no refusal by the content security policy."""
    contexts, complaints = [], []

    def opened(site: Site, path: str, *, may_complain: bool = False, **options: Any) -> Page:
        context = browser.new_context(base_url=site.url, storage_state=logged_in(site), **options)
        context.set_default_timeout(PAGE_MS)
        contexts.append(context)
        page = context.new_page()
        if not may_complain:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def log_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Home").wait_for()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.processes)

"""A second factor from its set-up to a login without the device, by keyboard alone, with an app of the tests' own."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PAGE_MS
from tests.browser.site import Site
from tests.browser.test_access import NARROW
from tests.totp import totp

NAME, PASSWORD = "erin", "wine-dark sea 7"
MAKE = f"""
from django.contrib.auth.models import Group, User
User.objects.create_user("{NAME}", password="{PASSWORD}").groups.add(Group.objects.get(name="trainer"))
"""


@pytest.fixture
def page(browser: Browser, idle_site: Site) -> Iterator[Page]:
    """Of a browser that knows nobody; at the end it must not have complained."""
    context = browser.new_context(
        base_url=idle_site.url, bypass_csp=False, viewport={"width": NARROW["width"], "height": NARROW["height"]}
    )
    context.set_default_timeout(PAGE_MS)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    yield page
    context.close()
    assert not complaints


def _press(page: Page, control: Locator) -> None:
    """As who has no mouse does it."""
    for _ in range(100):
        if control.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{control} can't be reached by the tabulator.")


def _first_step(page: Page) -> None:
    page.goto("/login/?next=/account/")
    page.locator("[name=username]:focus").wait_for()
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def _second_step(page: Page, code: str) -> None:
    page.locator("[name=code]:focus").wait_for()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=NAME, exact=True).wait_for()


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_it_is_set_up_asked_for_and_done_without(idle_site: Site, page: Page) -> None:
    idle_site.manage("shell", "--command", MAKE)
    _first_step(page)
    _press(page, page.get_by_role("link", name="Turn on"))
    picture = page.get_by_role("img", name="QR code")
    expect(picture.locator("svg")).to_be_in_viewport()
    assert _fits(page)
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code that the app shows").focus()
    page.keyboard.type(totp(secret))
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    codes = page.get_by_label("Recovery codes").input_value().split()
    assert len(codes) == 10 and _fits(page)
    with page.expect_download() as download:
        _press(page, page.get_by_role("link", name="Download"))
    assert Path(download.value.path()).read_text().split() == codes
    _press(page, page.get_by_role("button", name="Copy"))
    expect(page.locator(".toast")).to_contain_text("Cop")
    _press(page, page.get_by_role("link", name="I have kept them"))
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()

    page.context.clear_cookies()
    _first_step(page)
    _second_step(page, totp(secret, time.time() + 30))  # a step ahead: that of the set-up was used
    page.context.clear_cookies()
    _first_step(page)
    _press(page, page.get_by_role("link", name="Use a recovery code instead"))
    _second_step(page, codes[0])
    expect(page.get_by_text("9 recovery codes left")).to_be_visible()

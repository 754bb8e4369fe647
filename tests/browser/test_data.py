"""Files dropped on the page, looked at, stored, and on the chart."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WORK_MS, OpenPage
from tests.browser.site import Site
from tests.instruments.uploaded import FRENCH

DROP = """text => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([text], "BNP.csv", { type: "text/csv" }));
  return dropped;
}"""


@pytest.mark.parametrize("width", [1440, 390])
def test_it_goes_from_dropped_files_to_the_chart(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(site, "/data/", viewport={"width": width, "height": 844})
    page.locator("form[data-drop]").dispatch_event("drop", {"dataTransfer": page.evaluate_handle(DROP, FRENCH)})
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name="What the files hold")).to_be_visible()
    expect(page.get_by_role("cell", name="3 April 2012", exact=True)).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.get_by_role("button", name="Store").click()
    page.get_by_role("link", name="Open the chart").click(timeout=WORK_MS)
    expect(page.locator("#chart")).to_have_attribute("data-symbol", "BNP")

"""Splits and dividends imported, looked at and deleted on their page, on a wide screen and on a narrow one."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site

ROWS = "symbol,ex_day,kind,ratio,amount\nIBM,1999-05-27,split,2:1,\nIBM,2006-08-08,dividend,,0.3\n"
AS_TRADED, BY_SOURCE = "prices as traded and its own list of actions", "adjusted closes of its source"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_manager_imports_actions_and_says_what_the_basis_is(
    idle_site: Site, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    page = open_page(idle_site, "/data/", may_complain=True, viewport={"width": width, "height": 844})
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Corporate actions").first.click()
    import_file(page, tmp_path / "actions.csv", ROWS + "IBM,someday,split,2,\n")
    expect(page.get_by_role("alert")).to_contain_text("nothing stored")
    expect(page.get_by_role("row").filter(has_text="someday")).to_contain_text("is no day")
    expect(page.get_by_role("heading", name="No splits or dividends are stored")).to_be_visible()
    assert_fits(page)
    import_file(page, tmp_path / "actions.csv", ROWS)
    expect(page.get_by_role("status")).to_contain_text("2 rows read: 2 new")
    assert_fits(page)
    page.get_by_role("row").filter(has_text="1999-05-27").get_by_role("link", name="IBM").click()
    for basis, other in ((BY_SOURCE, AS_TRADED), (AS_TRADED, BY_SOURCE)):
        expect(page.get_by_role("cell", name=basis, exact=True)).to_be_visible()
        page.get_by_role("button", name=f"Read by the {other}").click()
        expect(page.get_by_text(f"is read by the {other}.")).to_be_visible()
    assert_fits(page)
    for ex_day, left in (("1999-05-27", "2006-08-08"), ("2006-08-08", "No splits or dividends of IBM")):
        page.get_by_role("row").filter(has_text=ex_day).get_by_role("button", name="Delete the").click()
        expect(page.get_by_text("Deleted: ")).to_contain_text(ex_day)
        expect(page.get_by_text(left)).to_be_visible()


def import_file(page: Page, file: Path, rows: str) -> None:
    file.write_text(rows)
    page.get_by_label("A file of splits and dividends").set_input_files(file)
    page.get_by_role("button", name="Import", exact=True).click()


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

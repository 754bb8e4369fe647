"""What a trader does with the chart itself: indicators, instruments, scale, dates, marks, a picture."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site


def _chart(site: Site, open_page: OpenPage, query: str = "symbol=AAPL", **options: object) -> Page:
    """The page, once its bars are there."""
    page = open_page(site, f"/backtest/?{query}", **options)
    expect(page.locator("#legend")).to_contain_text("Vol")
    return page


def test_it_draws_the_indicators_that_are_ticked_and_remembers_them(site: Site, open_page: OpenPage) -> None:
    page = _chart(site, open_page)
    panes, legend = page.locator("#chart table tr"), page.locator("#legend")
    expect(panes).to_have_count(2 * 2)
    page.get_by_text("Indicators", exact=True).click()
    for name in ("SMA 20", "RSI 14"):
        page.get_by_label(name, exact=True).check()
    expect(legend).to_contain_text("SMA 20")
    expect(panes).to_have_count(2 * 3)
    page.reload()
    expect(legend).to_contain_text("RSI 14")
    page.get_by_text("Indicators", exact=True).click()
    page.get_by_label("RSI 14", exact=True).uncheck()
    expect(panes).to_have_count(2 * 2)
    expect(legend).not_to_contain_text("RSI 14")

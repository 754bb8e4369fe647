"""Members with dates, and dots beside names, on the pages that show them."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site

SURVIVORS = "Today’s members only: survivors look better than they were."
FINDING = """
from django.utils import timezone
from instruments.models import Finding, Series
series = Series.objects.get(instrument__symbol="IBM", timeframe="1d")
now = timezone.now()
Finding.objects.get_or_create(
    series=series, check_name="split", first=series.first,
    defaults={"last": series.first, "count": 1, "severity": "bad", "rank": 1, "text": "Made up.",
              "found_at": now, "changed_at": now},
)
"""


@pytest.mark.parametrize("width", [1440, 390])
def test_a_manager_uploads_dates_and_survivors_are_no_longer_alone(
    idle_site: Site, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    name, file = f"dated{width}", tmp_path / "members.csv"
    file.write_text("symbol,from,to\nAAPL,,\nIBM,,\nMSFT,,\n")
    idle_site.manage("import_members", str(file), "--universe", name)
    page = open_page(
        idle_site, f"/training/universe/?universe={name}", may_complain=True, viewport={"width": width, "height": 844}
    )
    expect(page.locator("#universe-use")).to_contain_text(SURVIVORS)
    page.goto(f"/universes/{name}/")
    expect(page.get_by_text(SURVIVORS)).to_be_visible()
    file.write_text("symbol,from,to\nIBM,,2008-12-31\nNOPE,,\n")
    page.get_by_label("File with symbol,from,to").set_input_files(file)
    page.get_by_role("button", name="Upload members.csv").click()
    expect(page.get_by_role("alert")).to_contain_text("members.csv: 1 bad row, nothing stored.")
    expect(page.get_by_role("row", name="3 NOPE")).to_be_visible()
    file.write_text("symbol,from,to\nIBM,,2008-12-31\nMSFT,2005-01-03,\n")
    page.get_by_label("File with symbol,from,to").set_input_files(file)
    page.get_by_role("button", name="Upload members.csv").click()
    expect(page.get_by_text("2 rows of members.csv: 2 stored")).to_be_visible()
    expect(page.get_by_role("row", name="IBM").first).to_contain_text("to 2008-12-31")
    expect(page.get_by_text(SURVIVORS)).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_a_dot_beside_a_name_leads_to_its_findings(idle_site: Site, open_page: OpenPage) -> None:
    idle_site.manage("shell", "--command", FINDING)
    page = open_page(idle_site, "/universes/demo/")
    expect(page.get_by_role("link", name="Open findings about the bars of 1 instrument of demo")).to_be_visible()
    page.get_by_role("link", name="Open findings about the bars of IBM").click()
    expect(page.get_by_role("heading", name="Health")).to_be_visible()
    expect(page.get_by_role("cell", name="Made up.")).to_be_visible()
    page.goto("/backtest/?symbol=IBM")
    expect(page.get_by_role("link", name="Open findings about the bars of IBM")).to_be_visible()

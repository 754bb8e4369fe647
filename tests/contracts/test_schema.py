"""The schema is valid, complete, and its ranges are those of the spec."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.people import ApiOf, BrowserOf
from training.quant.candle.spec import RANGES

pytestmark = pytest.mark.db_both


def test_it_is_valid_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_it_is_served_to_members(bob: User, api: ApiOf) -> None:
    answer = api(bob).get("/api/schema")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    assert "/api/training/run-poc" in answer.json()["paths"]


def test_it_has_the_ranges_of_the_spec(bob: User, api: ApiOf) -> None:
    parts = api(bob).get("/api/schema").json()["components"]["schemas"]
    for name, wanted in RANGES.items():
        said = parts["Params" if wanted.in_params else "CandleRequest"]["properties"][name]
        assert (said["minimum"], said["maximum"], said["default"]) == (wanted.low, wanted.high, wanted.default)


def test_its_page_has_no_inline_script(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    page = browser.get("/api/docs")
    assert page.status_code == 200
    assert "<style" not in page.text and "<script>" not in page.text
    script = browser.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript") and "/api/schema" in script.text

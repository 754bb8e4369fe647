"""What every kind of source must survive: never 0 rows, never another's rows, and words that help."""

from dataclasses import replace

import pytest

from instruments.sources.base import Key
from instruments.sources.errors import (
    AddressRefused,
    BadAnswer,
    RateLimited,
    SourceDown,
    SourceError,
    UnknownSymbol,
    WrongSymbol,
)
from instruments.sources.registry import KINDS
from tests.instruments.sources.cases import CASES, KEY, Case
from tests.instruments.sources.vendor import Asked, Reply, Vendor, text

# As Stooq and Yahoo send them to programs, with status 200.
CAPTCHA = text("<!doctype html><html><head><title>Are you a robot?</title><script>x()</script></head>"
               "<body>Please enter the characters you see</body></html>", Content_Type="text/html")  # fmt: skip


def each_of(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


each = each_of(CASES)
each_that_names_symbols = each_of({name: case for name, case in CASES.items() if case.other is not None})
each_with_key = each_of({name: case for name, case in CASES.items() if case.kind.key is not Key.NONE})


def test_it_offers_no_source_without_these_tests() -> None:
    """Tables of a database are no HTTP: test_database has theirs."""
    assert set(CASES) == set(KINDS) - {"database"}


@each
def test_it_fetches_what_is_there(shop: Vendor, case: Case) -> None:
    assert len(case.fetch(shop).table) >= 3


@each
def test_it_fetches_packed_answers(shop: Vendor, case: Case) -> None:
    assert len(case.fetch(shop, bars=case.replies[case.bars].packed()).table) >= 3


@each
def test_it_tells_that_it_was_asked_too_often(shop: Vendor, case: Case) -> None:
    with pytest.raises(RateLimited):
        case.fetch(shop, bars=text("Too Many Requests", 429, Retry_After="30"))


@each
@pytest.mark.parametrize("status", [500, 502, 503])
def test_it_tells_faults_of_the_vendor(shop: Vendor, case: Case, status: int) -> None:
    with pytest.raises(SourceDown):
        case.fetch(shop, bars=text("<html>Bad Gateway</html>", status))


@each
def test_it_takes_no_page_for_data(shop: Vendor, case: Case) -> None:
    with pytest.raises(BadAnswer, match="robot"):
        case.fetch(shop, bars=CAPTCHA)


@each
def test_it_takes_no_text_of_a_quota_for_data(shop: Vendor, case: Case) -> None:
    with pytest.raises(SourceError, match=r"(?i)limit|allocation|look up|exceeded"):
        case.fetch(shop, bars=case.quota)


@each
def test_it_takes_half_an_answer_for_none(shop: Vendor, case: Case) -> None:
    whole = case.replies[case.bars]
    for broken in (whole.packed(cut=9), replace(whole, cut=len(whole.body) // 2)):
        with pytest.raises(SourceDown):
            case.fetch(shop, bars=broken)


@each
def test_it_names_a_column_that_is_gone(shop: Vendor, case: Case) -> None:
    """Candles of exchanges have no names: ccxt makes none of what it doesn't know."""
    with pytest.raises(BadAnswer, match=r"(?i)close|columns|no c\b|no rows"):
        case.fetch(shop, bars=case.renamed)


@each_that_names_symbols
def test_it_takes_no_other_instruments_bars(shop: Vendor, case: Case) -> None:
    """For those whose answers don't name the symbol, test_trial holds prices against those stored."""
    assert case.other is not None
    with pytest.raises(WrongSymbol, match="MSFT"):
        case.fetch(shop, bars=case.other)


@each
def test_it_takes_nothing_for_a_failure(shop: Vendor, case: Case) -> None:
    for nothing in (case.empty, text("")):
        with pytest.raises(BadAnswer):
            case.fetch(shop, bars=nothing)


@each
def test_it_tells_that_a_symbol_is_unknown(shop: Vendor, case: Case) -> None:
    with pytest.raises((UnknownSymbol, BadAnswer)):
        case.fetch(shop, bars=text("Not found", 404))


@each
def test_it_is_not_led_inside(shop: Vendor, case: Case) -> None:
    with pytest.raises((AddressRefused, BadAnswer)):
        case.fetch(shop, bars=text("", 302, Location="https://169.254.169.254/latest/meta-data/"))
    assert not [asked for asked in shop.asked if "meta-data" in asked.path]


@each_with_key
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
def test_it_never_tells_the_key(shop: Vendor, case: Case, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    shop.routes |= case.replies

    def echo(asked: Asked) -> Reply:
        return text(f"We have detected your API key as {KEY}: {asked.query} {asked.headers}", status)

    with pytest.raises(SourceError) as raised:
        case.fetch(shop, bars=echo)
    assert KEY not in str(raised.value) + caplog.text

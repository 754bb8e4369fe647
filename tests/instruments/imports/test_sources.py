"""Sources made, changed and tried: keys stay secret, and what a source gives is told in words."""

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection

from boursomatic.accounts.models import AuditEntry
from instruments.imports.sources import (
    KEY_LOST,
    SourceRefused,
    key_is_lost,
    source_change,
    source_create,
    source_delete,
    source_try,
)
from instruments.models import PriceBar, Source
from tests.instruments.sources.vendor import Asked, Reply, Vendor, text
from tests.market import make_series

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
KEY = "0123-secret-key"


def csv(closes: list[float], first: str = "2018-01-01") -> str:
    """Daily bars on weekdays, as tests.market makes them."""
    days = np.busday_offset(first, np.arange(len(closes)), roll="forward")
    rows = [f"{day},{close},{close + 1},{close - 1},{close},100" for day, close in zip(days, closes, strict=True)]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *rows])


def make_source(user: User, shop: Vendor, settings: Any, **more: Any) -> Source:
    settings.SOURCE_HOSTS = [f"127.0.0.1:{shop.port}"]
    options = {"url": shop.url + "/{symbol}.csv?key={key}"}
    return source_create(user=user, **{"name": "files", "kind": "file_url", "options": options, "key": KEY, **more})


def everything_stored() -> str:
    """Every text of the tables of sources and of the audit."""
    with connection.cursor() as cursor:
        texts = []
        for table in ("instruments_source", "accounts_auditentry"):
            cursor.execute(f"SELECT * FROM {table}")
            texts += [str(row) for row in cursor.fetchall()]
    return " ".join(texts)


def test_it_stores_the_key_encrypted_alone(carol: User, shop: Vendor, settings: Any) -> None:
    source = make_source(carol, shop, settings)
    source_change(source=source, user=carol, key=KEY + "2", options={"prices": "split"})
    assert "secret-key" not in everything_stored()
    assert AuditEntry.objects.filter(action__startswith="source.").count() == 2
    source_delete(source=source, user=carol)
    assert not Source.objects.exists() and AuditEntry.objects.filter(action="source.delete").exists()


def test_it_asks_for_the_key_again_when_the_secret_has_changed(carol: User, shop: Vendor, settings: Any) -> None:
    source = make_source(carol, shop, settings)
    assert not key_is_lost(source)
    settings.SECRET_KEY = "another-secret-of-more-than-forty-characters"
    assert key_is_lost(source)
    assert source_try(source=source, symbol="AAPL").problem == KEY_LOST
    source_change(source=source, user=carol, key=KEY)
    assert not key_is_lost(source)


def test_it_asks_for_the_key_where_it_would_go_elsewhere(carol: User, shop: Vendor, settings: Any) -> None:
    """Else whoever may change an address could read a key by sending it to himself."""
    source = make_source(carol, shop, settings)
    elsewhere = {"url": "https://elsewhere.example/{key}"}
    with pytest.raises(SourceRefused) as refused:
        source_change(source=source, user=carol, options=elsewhere)
    assert "Enter the key again" in refused.value.problems["key"]
    source.refresh_from_db()
    source_change(source=source, user=carol, options={"prices": "split"})
    source_change(source=source, user=carol, options=elsewhere, key=KEY)
    source.refresh_from_db()
    assert source.options == {"url": "https://elsewhere.example/{key}", "prices": "split"}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("name", {"name": "with space"}),
        ("name", {"name": ""}),
        ("kind", {"kind": "astrology"}),
        ("key", {"key": "two\nlines"}),
        ("key", {"key": "k" * 501}),
        ("options.url", {"options": {"url": "ftp://example.org/a"}}),
        ("options.url", {"options": {"url": "https://user:password@example.org/a"}}),
        ("options.url", {"options": {"url": "https://[::1/a"}}),
        ("options.url", {"options": {}}),
        ("options.url", {"options": {"url": 5}}),
        ("options.url", {"options": {"url": "https://example.org/a\r\nX: y"}}),
        ("options.prices", {"options": {"url": "https://example.org/a", "prices": "made up"}}),
        ("options.colour", {"options": {"url": "https://example.org/a", "colour": "red"}}),
    ],
)
def test_it_refuses_what_can_not_be(carol: User, field: str, changed: dict[str, Any]) -> None:
    body = {"name": "files", "kind": "file_url", "options": {"url": "https://example.org/a"}, **changed}
    with pytest.raises(SourceRefused) as refused:
        source_create(user=carol, **body)
    assert field in refused.value.problems
    assert not Source.objects.exists()


def test_it_takes_a_name_once(carol: User, shop: Vendor, settings: Any) -> None:
    make_source(carol, shop, settings)
    with pytest.raises(SourceRefused, match="already"):
        make_source(carol, shop, settings)


def test_it_tries_a_source_and_stores_nothing(carol: User, shop: Vendor, settings: Any) -> None:
    shop.routes["/AAPL.csv"] = text(csv([100.0 + i for i in range(12)]))
    trial = source_try(source=make_source(carol, shop, settings), symbol="AAPL")
    assert (trial.problem, trial.rows, trial.prices, trial.timeframe) == ("", 12, "as_traded", "1d")
    assert [bar.close for bar in trial.bars] == [107.0, 108.0, 109.0, 110.0, 111.0]
    assert shop.asked[0].query == {"key": KEY}
    assert not PriceBar.objects.exists()


def test_it_says_what_is_bad(carol: User, shop: Vendor, settings: Any) -> None:
    source = make_source(carol, shop, settings)
    good = csv([100.0 + i for i in range(12)])
    shop.routes["/AAPL.csv"] = text(good + "\n2018-01-17,1,2,3,4,5")
    trial = source_try(source=source, symbol="AAPL")
    assert (trial.rows, trial.bad) == (12, 1) and "high 2.0 is below" in trial.first_bad
    shop.routes["/AAPL.csv"] = text("Date,Open,High,Low,Close\n2018-01-17,1,2,3,4\n")
    assert "All 1 rows are bad" in source_try(source=source, symbol="AAPL").problem
    shop.routes["/AAPL.csv"] = text("no", 401)
    assert "refuses the key" in source_try(source=source, symbol="AAPL").problem
    assert "Name an instrument" in source_try(source=source, symbol="a b").problem
    settings.SOURCE_HOSTS = []
    assert "https" in source_try(source=source, symbol="AAPL").problem


def test_it_never_tells_the_key(carol: User, shop: Vendor, settings: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def echo(asked: Asked) -> Reply:
        return text(f"We have detected your API key as {asked.query['key']}")

    shop.routes["/AAPL.csv"] = echo
    trial = source_try(source=make_source(carol, shop, settings), symbol="AAPL")
    assert "detected your API key as" in trial.problem and KEY not in trial.problem
    assert KEY not in "".join(capfd.readouterr())


def test_it_tells_another_instrument_by_its_prices(carol: User, shop: Vendor, settings: Any) -> None:
    """Tiingo, EODHD and exchanges don't name the symbol in their answers."""
    source = make_source(carol, shop, settings)
    series = make_series("AAPL", bars=60)
    stored = [float(close) for close in PriceBar.objects.filter(series=series).values_list("close", flat=True)]
    shop.routes["/AAPL.csv"] = text(csv(stored))
    assert source_try(source=source, symbol="AAPL").problem == ""
    shop.routes["/AAPL.csv"] = text(csv([close if i < 30 else close / 4 for i, close in enumerate(stored)]))
    assert source_try(source=source, symbol="AAPL").problem == ""  # a split changes a single move
    shop.routes["/AAPL.csv"] = text(csv(stored[::-1]))
    assert "may be of another instrument" in source_try(source=source, symbol="AAPL").problem


def test_it_ends_what_takes_too_long(carol: User, shop: Vendor, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instruments.imports.sources.TRY_S", 0.01)
    assert "took longer" in source_try(source=make_source(carol, shop, settings), symbol="AAPL").problem


def test_its_audit_is_json_without_keys(carol: User, shop: Vendor, settings: Any) -> None:
    make_source(carol, shop, settings)
    entry = AuditEntry.objects.get(action="source.create")
    assert entry.details["key"] is True and json.dumps(entry.details)

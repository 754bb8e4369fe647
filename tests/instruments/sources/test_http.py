"""The guard: private addresses, however they are spelt or reached; sizes, ends, and what errors never say."""

import logging
import socket
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from instruments.sources import http as guarded
from instruments.sources.errors import (
    AddressRefused,
    BadAnswer,
    KeyRefused,
    RateLimited,
    SourceDown,
    SourceError,
    UnknownSymbol,
    without_secret,
)
from instruments.sources.http import Http, addresses_of, is_public
from tests.instruments.sources.vendor import Asked, Reply, Vendor, text

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
    *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "255.255.255.255"),
)
SECRET = "s3cret/key+1"


@pytest.mark.parametrize("address", PRIVATE)
def test_it_takes_no_private_address_for_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "151.101.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_it_takes_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:7f00:1]"])
def test_it_refuses_private_hosts_before_it_connects(host: str, shop: Vendor) -> None:
    with pytest.raises(AddressRefused, match="inside a network"):
        Http().get("X", f"https://{host}:{shop.port}/")
    assert not shop.asked


def test_it_refuses_a_name_one_of_whose_addresses_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused):
        addresses_of("rebinding.example", 443, ())


def test_it_connects_to_the_address_that_it_looked_at(shop: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to something else the second time is not asked a second time."""
    resolved = []
    real = socket.getaddrinfo

    def once(host: str, *args: Any, **kwargs: Any) -> Any:
        resolved.append(host)
        return real("127.0.0.1" if host == "vendor.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    shop.routes["/"] = text("hello")
    http = Http([f"vendor.example:{shop.port}"])
    assert http.get("X", f"http://vendor.example:{shop.port}/").text() == "hello"
    assert resolved.count("vendor.example") == 1
    assert shop.asked[0].host == f"vendor.example:{shop.port}"


def test_it_asks_without_tls_only_where_it_is_said() -> None:
    with pytest.raises(AddressRefused, match="over https"):
        Http().get("X", "http://example.org/")


@pytest.mark.parametrize(
    "target", ["https://169.254.169.254/latest/meta-data/", "https://localhost/", "http://10.0.0.1/"]
)
def test_it_refuses_a_redirect_to_a_private_address(shop: Vendor, target: str) -> None:
    shop.routes["/"] = text("", 302, Location=target)
    with pytest.raises(AddressRefused):
        shop.http().get("X", shop.url, redirects=True)


def test_it_follows_redirects_only_where_it_is_said(shop: Vendor) -> None:
    shop.routes |= {"/": text("", 302, Location="/b"), "/b": text("here")}
    assert shop.http().get("X", shop.url, redirects=True).text() == "here"
    with pytest.raises(BadAnswer, match="redirects to another address"):
        shop.http().get("X", shop.url)
    shop.routes["/"] = text("", 302, Location="/")
    with pytest.raises(BadAnswer, match="without end"):
        shop.http().get("X", shop.url, redirects=True)


def test_it_needs_no_proxy_of_the_environment(shop: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    shop.routes["/"] = text("hello")
    assert shop.http().get("X", shop.url).text() == "hello"


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (text("slow down", 429, Retry_After="7"), RateLimited, "asked too often"),
        (text("broken", 500), SourceDown, "fault of its own"),
        (text("", 503), SourceDown, "503"),
        (text("no", 401), KeyRefused, "refuses the key"),
        (text("no", 403), KeyRefused, "403"),
        (text("no", 404), UnknownSymbol, "404"),
        (text("no", 400), BadAnswer, "400"),
        (text("a" * 5000).packed(cut=8), SourceDown, "broke off"),
        (text("a" * 5000).packed(cut=1), SourceDown, "broke off"),
        (Reply(b"a" * 5000, cut=100), SourceDown, "damaged or broke off"),
        (text("no gzip", Content_Encoding="gzip"), SourceDown, "damaged"),
        (text("a", Content_Encoding="br"), BadAnswer, "packs its answer as br"),
    ],
)
def test_it_says_what_helps(shop: Vendor, reply: Reply, error: type[SourceError], words: str) -> None:
    shop.routes["/"] = reply
    with pytest.raises(error, match=words) as raised:
        shop.http().get("X", shop.url)
    assert not isinstance(raised.value, RateLimited) or raised.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_it_reads_retry_after(shop: Vendor, header: str, seconds: float | None) -> None:
    shop.routes["/"] = text("", 429, Retry_After=header)
    with pytest.raises(RateLimited) as raised:
        shop.http().get("X", shop.url)
    assert raised.value.retry_after == seconds


def test_it_reads_packed_answers_to_their_end(shop: Vendor) -> None:
    shop.routes["/"] = text("a" * 500_000).packed()
    assert len(shop.http().get("X", shop.url).body) == 500_000


@pytest.mark.parametrize("is_packed", [False, True])
def test_it_stops_at_a_size(shop: Vendor, monkeypatch: pytest.MonkeyPatch, is_packed: bool) -> None:
    monkeypatch.setattr(guarded, "LARGEST", 1_000_000)
    reply = text("a" * 1_000_001)
    shop.routes["/"] = reply.packed() if is_packed else reply
    with pytest.raises(BadAnswer, match="larger than 1 MB"):
        shop.http().get("X", shop.url)


def test_it_stops_after_a_time(shop: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "TOTAL_S", -1.0)
    shop.routes["/"] = text("a")
    with pytest.raises(SourceDown, match="took longer"):
        shop.http().get("X", shop.url)


def test_it_says_that_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        port = taken.getsockname()[1]
        with pytest.raises(SourceDown, match="connection was refused"):
            Http([f"127.0.0.1:{port}"]).get("X", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 429, 500])
def test_it_never_tells_the_key(shop: Vendor, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Alpha Vantage repeats keys: "We have detected your API key as …" (find_string: its users' logs)."""
    caplog.set_level(logging.DEBUG)

    def echo(asked: Asked) -> Reply:
        return text(f"<html>your key is {asked.query['key']} of {asked.path}</html>", status, Location="/b")

    shop.routes["/"] = echo
    with pytest.raises(SourceError) as raised:
        shop.http().get("X", shop.url, params={"key": SECRET}, secret=SECRET).json()
    assert SECRET not in str(raised.value)
    assert SECRET not in caplog.text and "s3cret" not in caplog.text
    assert raised.value.__cause__ is None


def test_it_never_tells_the_key_where_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceDown) as raised:
        Http(["127.0.0.1:9"]).get("X", "http://127.0.0.1:9/", params={"key": SECRET}, secret=SECRET)
    assert "s3cret" not in str(raised.value) + caplog.text
    assert raised.value.__suppress_context__


@given(st.text(min_size=1, max_size=20))
def test_it_takes_the_key_out_in_every_spelling(secret: str) -> None:
    key = f"A{secret}Z"
    request = requests.Request("GET", "https://x.example/", params={"k": key}).prepare()
    assert key not in without_secret(f"{request.url} {key}", key)

"""Whom a request comes from, with and without proxies before us."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import RequestFactory

from boursomatic.accounts.client_address import client_address, networks
from boursomatic.env import ROOT

PROXIES = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("nearest", "forwarded", "address"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),  # not from a proxy of ours: whoever it is can write what he likes
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the left one was sent by the client
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("::ffff:127.0.0.1", "2001:DB9:0::5", "2001:db9::5"),
        ("127.0.0.1", "10.0.0.1,10.0.0.2", "10.0.0.1"),
        ("127.0.0.1", "203.0.113.9, rubbish", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9,", "127.0.0.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_it_believes_trusted_proxies_alone(settings: Any, nearest: str, forwarded: str | None, address: str) -> None:
    settings.TRUSTED_PROXIES = networks(PROXIES)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=nearest, headers=headers)) == address


def test_it_believes_nobody_unless_told(settings: Any) -> None:
    assert settings.TRUSTED_PROXIES == ()


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.0/99", "10.0.0.1/8", "127.0.0.1 10.0.0.1"])
def test_a_value_that_is_no_address_stops_the_start(value: str) -> None:
    done = _start({"BOURSOMATIC_TRUSTED_PROXIES": value})
    assert done.returncode
    assert "BadSetting: BOURSOMATIC_TRUSTED_PROXIES" in done.stderr
    assert "Write addresses or networks" in done.stderr


def test_addresses_and_networks_are_understood() -> None:
    done = _start({"BOURSOMATIC_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1"})
    assert done.stdout.strip() == "3"


def _start(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "from boursomatic import settings; print(len(settings.TRUSTED_PROXIES))"
    environment = {**os.environ, "BOURSOMATIC_HOME": os.environ["BOURSOMATIC_TEST_HOME"], **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )

"""Guessing passwords: limits by address and by name, and nobody else is kept out."""

import logging
import re
import threading
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from time_machine import Traveller

from boursomatic.accounts import hashing
from boursomatic.accounts.client_address import networks
from boursomatic.accounts.guesses import (
    ADDRESS_LIMIT,
    BROWSER_LIMIT,
    FREE_GUESSES,
    LONGEST_DELAY_S,
    NAME_WINDOW,
    WINDOW,
    delay_s,
)
from boursomatic.accounts.known_browsers import COOKIE
from boursomatic.accounts.models import GuessCount
from tests.people import PASSWORD, BrowserOf

pytestmark = [pytest.mark.db_both, pytest.mark.usefixtures("clock")]

STRANGER, OTHER, HOME = "203.0.113.9", "203.0.113.10", "192.0.2.1"


def log_in(client: Client, name: str, password: str, address: str = STRANGER) -> Any:
    return client.post("/login/", {"username": name, "password": password}, REMOTE_ADDR=address)


def guess_wrong(name: str, times: int, address: str = STRANGER) -> Any:
    """As programs do that keep no cookie and wait as long as they are told."""
    for n in range(times):
        page = log_in(Client(), name, f"guess {n}", address)
        if page.status_code == 429:
            later(timedelta(seconds=int(page["Retry-After"])))
            page = log_in(Client(), name, f"guess {n}", address)
    return page


def later(time: timedelta) -> None:
    """Every count is as old as it will be then."""
    GuessCount.objects.update(expires_at=F("expires_at") - time, next_at=F("next_at") - time)


def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_it(alice: User) -> None:
    guess_wrong("alice", FREE_GUESSES + 4)
    assert log_in(Client(), "alice", PASSWORD).status_code == 429
    later(-timedelta(hours=1))
    assert log_in(Client(), "alice", PASSWORD).status_code == 302


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(hours=2)])
def test_a_host_whose_clock_is_wrong_counts_by_the_databases(alice: User, clock: Traveller, ahead: timedelta) -> None:
    """On SQLite the host's is the only one."""
    guess_wrong("alice", FREE_GUESSES)
    clock.shift(ahead)
    assert log_in(Client(), "bob", "no").status_code == 200
    clock.shift(-ahead)
    page = log_in(Client(), "alice", PASSWORD)
    assert page.status_code == (429 if connection.vendor == "postgresql" else 302)


def test_whoever_guesses_waits_longer_each_time(alice: User) -> None:
    guess_wrong("alice", FREE_GUESSES)
    page = log_in(Client(), "alice", PASSWORD)
    assert (page.status_code, page["Retry-After"]) == (429, "1")
    assert "Wait 1 second, then try again." in page.text
    guess_wrong("alice", 3)
    assert log_in(Client(), "alice", PASSWORD)["Retry-After"] == "8"
    assert [delay_s(n) for n in (4, 5, 6, 10, 11, 10_000)] == [0, 1, 2, 32, LONGEST_DELAY_S, LONGEST_DELAY_S]


def test_the_delay_is_over_when_it_is_over(alice: User) -> None:
    guess_wrong("alice", FREE_GUESSES + 1)
    assert log_in(Client(), "alice", PASSWORD).status_code == 429
    later(timedelta(seconds=2))
    assert log_in(Client(), "alice", PASSWORD).status_code == 302


def test_a_stranger_locks_nobody_out_of_a_known_browser(alice: User) -> None:
    browser = Client()
    assert log_in(browser, "alice", PASSWORD, HOME).status_code == 302
    browser.post("/logout/")
    guess_wrong("alice", FREE_GUESSES + 8)
    guess_wrong("alice", FREE_GUESSES + 8, HOME)
    assert log_in(browser, "alice", PASSWORD, OTHER).status_code == 302


def test_elsewhere_one_waits_once_whatever_strangers_do_meanwhile(alice: User) -> None:
    guess_wrong("alice", FREE_GUESSES + 8)
    page = log_in(Client(), "alice", PASSWORD, HOME)
    assert page.status_code == 429 and int(page["Retry-After"]) <= LONGEST_DELAY_S
    guess_wrong("alice", 2)
    later(timedelta(seconds=LONGEST_DELAY_S))
    guess_wrong("alice", 1)
    assert log_in(Client(), "alice", PASSWORD, HOME).status_code == 302


def test_a_known_browser_is_known_for_its_own_names_alone(alice: User, bob: User) -> None:
    browser = Client()
    log_in(browser, "alice", PASSWORD, HOME)
    browser.post("/logout/")
    guess_wrong("bob", FREE_GUESSES)
    assert log_in(browser, "bob", PASSWORD, HOME).status_code == 429
    later(timedelta(seconds=LONGEST_DELAY_S))
    assert log_in(browser, "bob", PASSWORD, HOME).status_code == 302
    browser.post("/logout/")
    guess_wrong("alice", FREE_GUESSES)
    assert log_in(browser, "alice", PASSWORD, HOME).status_code == 302


def test_a_known_browser_guesses_no_better_than_others(alice: User) -> None:
    """A cookie may be stolen."""
    browser = Client()
    log_in(browser, "alice", PASSWORD, HOME)
    browser.post("/logout/")
    pages = [log_in(browser, "alice", f"guess {n}", HOME) for n in range(BROWSER_LIMIT + FREE_GUESSES + 1)]
    assert [page.status_code for page in pages[-2:]] == [200, 429]
    later(WINDOW)
    assert log_in(browser, "alice", PASSWORD, HOME).status_code == 302


def test_a_forged_cookie_is_none(alice: User) -> None:
    browser = Client()
    browser.cookies[COOKIE] = "eyJudW1iZXIiOiJ4In0:1x:y"
    guess_wrong("alice", FREE_GUESSES)
    assert log_in(browser, "alice", PASSWORD).status_code == 429


def test_an_address_has_so_many_guesses_over_all_names(alice: User, bob: User) -> None:
    pages = [log_in(Client(), f"name {n}", "guess") for n in range(ADDRESS_LIMIT + 1)]
    assert [page.status_code for page in pages[-2:]] == [200, 429]
    assert int(pages[-1]["Retry-After"]) > 800 and "Wait 15 minutes" in pages[-1].text
    assert log_in(Client(), "bob", PASSWORD).status_code == 429
    assert log_in(Client(), "bob", PASSWORD, OTHER).status_code == 302
    later(WINDOW)
    assert log_in(Client(), "bob", PASSWORD).status_code == 302


def test_the_right_password_counts_for_nothing(alice: User) -> None:
    for _ in range(ADDRESS_LIMIT + 1):
        assert log_in(Client(), "alice", PASSWORD).status_code == 302


def test_behind_a_proxy_each_client_has_its_own_limit(alice: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = networks(["127.0.0.1"])
    for n in range(ADDRESS_LIMIT + 1):
        form = {"username": f"name {n}", "password": "guess"}
        page = Client().post("/login/", form, headers={"X-Forwarded-For": f"198.51.100.{n}, {STRANGER}"})
    assert page.status_code == 429
    page = Client().post("/login/", {"username": "alice", "password": PASSWORD}, headers={"X-Forwarded-For": OTHER})
    assert page.status_code == 302


def test_who_has_many_addresses_of_version_6_is_one(alice: User) -> None:
    pages = [log_in(Client(), f"name {n}", "guess", f"2001:db8::{n:x}") for n in range(ADDRESS_LIMIT + 1)]
    assert pages[-1].status_code == 429


def test_a_name_that_nobody_has_answers_as_any_other(alice: User) -> None:
    answers = {}
    for name in ("alice", "nobody"):
        pages = [log_in(Client(), name, "guess") for _ in range(FREE_GUESSES + 1)]
        texts = [re.sub(r"\b\w{64}\b", "CSRF", page.text.replace(name, "NAME")) for page in pages]
        answers[name] = [page.status_code for page in pages], texts
    assert answers["alice"] == answers["nobody"]
    assert "Wait 1 second" in answers["alice"][1][-1]


def test_the_old_password_is_no_easier_to_guess(alice: User, browser_of: BrowserOf) -> None:
    browser, new = browser_of(alice), "a quite different 9"
    form = {"old_password": "no", "new_password1": new, "new_password2": new}
    pages = [browser.post("/account/password/", form) for _ in range(FREE_GUESSES + 1)]
    assert [page.status_code for page in pages] == [400] * FREE_GUESSES + [429]
    assert "Wait 1 second" in pages[-1].text and pages[-1]["Retry-After"] == "1"
    assert browser.post("/account/password/", form | {"old_password": PASSWORD}).status_code == 429
    later(timedelta(seconds=1))
    assert browser.post("/account/password/", form | {"old_password": PASSWORD}).status_code == 302


def test_no_name_is_kept_as_it_was_typed(alice: User) -> None:
    log_in(Client(), "my secret password", "oops")
    assert GuessCount.objects.count() == 2
    assert not any("secret" in row.key for row in GuessCount.objects.all())


def test_counts_are_forgotten(alice: User) -> None:
    guess_wrong("nobody", FREE_GUESSES)
    later(NAME_WINDOW + timedelta(seconds=1))
    log_in(Client(), "alice", "no")
    assert GuessCount.objects.count() == 2


def test_who_would_wait_long_for_a_hash_is_told_so_at_once(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LONGEST_WAIT_S", 0.01)
    with hashing.queue.turn():
        page = log_in(Client(), "alice", PASSWORD)
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "Too many people are logging in" in page.text
    assert not GuessCount.objects.exists(), "a flood leaves no rows"
    assert log_in(Client(), "alice", PASSWORD).status_code == 302


def test_a_full_queue_is_no_error_of_the_log(
    alice: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hashing, "LONGEST_WAIT_S", 0.01)
    with hashing.queue.turn(), caplog.at_level(logging.INFO, "django.request"):
        assert log_in(Client(), "alice", PASSWORD).status_code == 503
    lines = [line for line in caplog.records if line.name == "django.request"]
    assert [(line.levelname, line.exc_info) for line in lines] == [("WARNING", None)]


def test_strangers_who_fill_the_queue_keep_out_nobody_of_a_known_browser(alice: User) -> None:
    browser = Client()
    log_in(browser, "alice", PASSWORD, HOME)
    browser.post("/logout/")
    with ExitStack() as strangers:
        for _ in range(hashing.PLACES):
            strangers.enter_context(hashing.queue._places[False])  # as if they waited
        assert log_in(Client(), "alice", PASSWORD, HOME).status_code == 503
        assert log_in(browser, "alice", PASSWORD, HOME).status_code == 302


def test_one_hash_is_computed_at_a_time_and_few_wait() -> None:
    queue, refused, running, most = hashing.HashingQueue(), [], [], []
    begun, end = threading.Event(), threading.Event()

    def compute() -> None:
        try:
            with queue.turn():
                running.append(1)
                most.append(len(running))
                begun.set()
                assert end.wait(60)
                running.pop()
        except hashing.HashingBusy:
            refused.append(1)
            end.set()

    threads = [threading.Thread(target=compute) for _ in range(hashing.PLACES + 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert begun.is_set() and refused and max(most) == 1

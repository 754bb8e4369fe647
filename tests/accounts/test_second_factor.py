"""The second factor: set up, asked for at login, limited like passwords, and helped by recovery codes and admins."""

import base64
import json
import logging
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from time_machine import Traveller

from boursomatic.accounts.guesses import CODE_LIMIT, NAME_WINDOW
from boursomatic.accounts.known_browsers import COOKIE
from boursomatic.accounts.login_steps import FRESH_S
from boursomatic.accounts.members import password_link_make
from boursomatic.accounts.models import AuditEntry, RecoveryCode, SecondFactor
from boursomatic.accounts.second_factor import matching_step
from boursomatic.accounts.tokens import token_create
from tests.accounts.test_guesses import later
from tests.people import PASSWORD, BrowserOf
from tests.totp import totp

pytestmark = [pytest.mark.db_both, pytest.mark.usefixtures("clock")]

STEP_S = 30.0
ACCOUNT, SET_UP, CODE = "/account/", "/account/second-factor/", "/login/code/"
RFC = base64.b32encode(b"12345678901234567890").decode()
RFC_CODES = {59: "94287082", 1111111109: "07081804", 1234567890: "89005924", 20000000000: "65353130"}


def offered(text: str) -> tuple[str, str]:
    """The secret of the page that sets it up, and what its form carries."""
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', text)
    offer = re.search(r'name="offer" value="([^"]+)"', text)
    assert secret and offer
    return secret[1], offer[1]


def codes_in(text: str) -> list[str]:
    box = re.search(r"<textarea.*?</textarea>", text, re.DOTALL)
    assert box
    return re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", box[0])


def turn_on(browser: Client, clock: Traveller) -> tuple[str, list[str]]:
    """The secret and the recovery codes; the code that proved it is over."""
    secret, offer = offered(browser.get(SET_UP).text)
    page = browser.post(SET_UP, {"offer": offer, "code": totp(secret), "password": PASSWORD})
    assert page.status_code == 200, page.text
    clock.shift(STEP_S)
    return secret, codes_in(page.text)


def first_step(name: str, page: str = "/") -> Client:
    browser = Client()
    answer = browser.post("/login/", {"username": name, "password": PASSWORD, "next": page})
    assert answer["Location"].startswith(CODE)
    return browser


def log_in(name: str, code: str) -> Any:
    return first_step(name).post(CODE, {"code": code})


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("at, code", RFC_CODES.items())
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    """RFC 6238, appendix B, whose codes of eight digits end in those of six."""
    assert totp(RFC, at, digits=8) == code
    with time_machine.travel(at, tick=False):
        assert matching_step(RFC, code[-6:]) == at // 30


@pytest.mark.parametrize("seconds, is_right", [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_a_step_off(seconds: int, is_right: bool) -> None:
    now = timezone.now().timestamp()
    assert (matching_step(RFC, totp(RFC, now + seconds)) is not None) is is_right


def test_a_look_at_the_page_stores_nothing_and_shows_all_that_an_app_needs(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    page = browser.get(SET_UP)
    svg = re.search(r'<div class="qr".*?</div>', page.text, re.DOTALL)
    assert svg and "<svg" in svg[0] and "style=" not in svg[0] and "href" not in svg[0]
    assert "no-store" in page["Cache-Control"]
    assert len(offered(page.text)[0].replace(" ", "")) == 32
    assert offered(page.text) != offered(browser.get(SET_UP).text)
    assert not SecondFactor.objects.exists() and not AuditEntry.objects.exists()


def test_it_is_on_once_a_code_has_proved_it_and_codes_are_shown_once(
    alice: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    browser = browser_of(alice)
    secret, offer = offered(browser.get(SET_UP).text)
    wrong = browser.post(SET_UP, {"offer": offer, "code": "000000", "password": PASSWORD})
    assert wrong.status_code == 400 and offered(wrong.text)[0] == secret
    no_password = browser.post(SET_UP, {"offer": offer, "code": totp(secret), "password": "no"})
    assert no_password.status_code == 400 and "not your password" in no_password.text
    assert not SecondFactor.objects.exists()
    page = browser.post(SET_UP, {"offer": offer, "code": totp(secret), "password": PASSWORD})
    codes = codes_in(page.text)
    assert len(set(codes)) == 10 and "no-store" in page["Cache-Control"]
    assert "10 recovery codes left" in browser.get(ACCOUNT).text and codes[0] not in browser.get(ACCOUNT).text
    assert actions() == ["second_factor.on", "session.end_all"]
    assert browser.get(SET_UP)["Location"] == ACCOUNT
    assert browser.post(SET_UP, {"offer": offer, "code": totp(secret), "password": PASSWORD})["Location"] == ACCOUNT


def test_neither_the_secret_nor_a_recovery_code_is_stored_in_clear(
    alice: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    secret, codes = turn_on(browser_of(alice), clock)
    stored = str([*SecondFactor.objects.values(), *RecoveryCode.objects.values(), *AuditEntry.objects.values()])
    assert secret.replace(" ", "") not in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_an_offer_is_its_members_and_for_an_hour(
    alice: User, bob: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    secret, offer = offered(browser_of(alice).get(SET_UP).text)
    form = {"offer": offer, "password": PASSWORD}
    assert browser_of(bob).post(SET_UP, form | {"code": totp(secret)}).status_code == 400
    clock.shift(3601)
    assert browser_of(alice).post(SET_UP, form | {"code": totp(secret)}).status_code == 400
    assert not SecondFactor.objects.exists()


def test_a_login_asks_for_the_code_and_opens_nothing_before(
    alice: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    browser = first_step("alice", "/runs/?a=1")
    for closed in (ACCOUNT, SET_UP, "/runs/", "/admin/", "/admin/login/"):
        assert browser.get(closed)["Location"].startswith("/login/?next=")
    assert browser.get("/api/schema").status_code == 401
    assert browser.post("/account/tokens/", {"name": "a", "scopes": ["read"], "days": "1"})["Location"].startswith(
        "/login"
    )
    page = browser.get(f"{CODE}?next=/runs/%3Fa%3D1")
    assert page.status_code == 200 and 'autocomplete="one-time-code"' in page.text
    assert 'href="?recovery=1&amp;next=%2Fruns%2F%3Fa%3D1"' in page.text
    assert "alice" not in page.text and "session.start" not in actions()
    answer = browser.post(f"{CODE}?next=/runs/%3Fa%3D1", {"code": totp(secret)})
    assert answer["Location"] == "/runs/?a=1"
    assert browser.get(ACCOUNT).status_code == 200 and browser.get("/api/schema").status_code == 200
    assert actions()[-1] == "session.start"


def test_the_session_of_before_opens_nothing_after(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    browser = first_step("alice")
    planted = browser.cookies["sessionid"].value
    browser.post(CODE, {"code": totp(secret)})
    assert browser.cookies["sessionid"].value != planted
    thief = Client()
    thief.cookies["sessionid"] = planted
    assert thief.get(ACCOUNT).status_code == 302


def test_it_never_goes_to_another_site_after_the_code(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    answer = first_step("alice").post(f"{CODE}?next=https://evil.example/", {"code": totp(secret)})
    assert answer["Location"] == "/"


def test_the_admin_site_is_entered_the_same_way(dave: User, browser_of: BrowserOf, clock: Traveller) -> None:
    turn_on(browser_of(dave), clock)
    browser = Client()
    answer = browser.post("/admin/login/?next=/admin/", {"username": "dave", "password": PASSWORD})
    assert answer["Location"].startswith("/login/")
    assert first_step("dave", "/admin/").get("/admin/")["Location"].startswith("/login/")


def test_a_code_opens_once(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    code = totp(secret)
    assert log_in("alice", f" {code[:3]} {code[3:]} ").status_code == 302
    again = log_in("alice", code)
    assert again.status_code == 200 and "used already" in again.text
    clock.shift(STEP_S)
    assert log_in("alice", code).status_code == 200
    assert log_in("alice", totp(secret)).status_code == 302


def test_the_code_that_turned_it_on_opens_nothing(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    assert log_in("alice", totp(secret, timezone.now().timestamp() - STEP_S)).status_code == 200


def test_a_recovery_code_opens_once_and_is_noted(
    alice: User, browser_of: BrowserOf, clock: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    _, codes = turn_on(browser_of(alice), clock)
    with caplog.at_level(logging.INFO, "boursomatic.second_factor"):
        assert log_in("alice", codes[3].upper().replace("-", " ")).status_code == 302
    assert "second_factor.recovery of alice" in caplog.text
    entry = AuditEntry.objects.get(action="second_factor.recovery")
    assert entry.user == alice and entry.details == {"address": "127.0.0.1", "left": 9}
    assert log_in("alice", codes[3]).status_code == 200
    assert log_in("alice", codes[4]).status_code == 302
    assert RecoveryCode.objects.count() == 8


def test_a_wrong_code_is_noted_without_what_was_typed(
    alice: User, browser_of: BrowserOf, clock: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    turn_on(browser_of(alice), clock)
    assert "wrong" in log_in("alice", "000000").text
    assert "second_factor.refuse of alice from 127.0.0.1" in caplog.text
    entry = AuditEntry.objects.get(action="second_factor.refuse")
    assert (entry.subject, entry.details) == ("alice", {"address": "127.0.0.1"})


def test_codes_are_guessed_no_more_often_than_allowed_from_anywhere(
    alice: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    """The right password in between, and other addresses, give no more guesses."""
    secret, _ = turn_on(browser_of(alice), clock)
    for n in range(CODE_LIMIT):
        assert first_step("alice").post(CODE, {"code": "000000"}, REMOTE_ADDR=f"203.0.113.{n}").status_code == 200
    page = first_step("alice").post(CODE, {"code": totp(secret)}, REMOTE_ADDR="203.0.113.99")
    assert (page.status_code, page["Retry-After"]) == (429, "3600")
    assert "too many wrong codes. Wait 60 minutes" in page.text
    later(NAME_WINDOW)
    assert log_in("alice", totp(secret)).status_code == 302


def test_a_clock_that_is_set_back_keeps_nobody_from_codes(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    pages = [log_in("alice", "000000") for _ in range(CODE_LIMIT + 1)]
    assert pages[-1].status_code == 429
    later(-timedelta(hours=1))
    assert log_in("alice", totp(secret)).status_code == 302


def test_known_browsers_guess_codes_no_more_often(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    """Who has the password could gather as many as he likes before it is turned on."""
    browsers = [Client(REMOTE_ADDR=f"203.0.113.{n}") for n in range(CODE_LIMIT + 1)]
    for browser in browsers:
        browser.post("/login/", {"username": "alice", "password": PASSWORD})
        assert COOKIE in browser.cookies
        browser.post("/logout/")
    secret, _ = turn_on(browser_of(alice), clock)
    for browser in browsers:
        browser.post("/login/", {"username": "alice", "password": PASSWORD})
    pages = [browser.post(CODE, {"code": "000000"}) for browser in browsers]
    assert [page.status_code for page in pages] == [200] * CODE_LIMIT + [429]
    assert browsers[0].post(CODE, {"code": totp(secret)}).status_code == 429


def test_a_new_password_gives_back_codes_that_others_have_used_up(
    alice: User, dave: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    pages = [log_in("alice", "000000") for _ in range(CODE_LIMIT + 1)]
    assert pages[-1].status_code == 429
    link = password_link_make(member=alice, by=dave)
    browser, new = Client(), "a quite different 9"
    form = browser.get(link)["Location"]
    assert browser.post(form, {"new_password1": new, "new_password2": new})["Location"] == "/login/"
    browser.post("/login/", {"username": "alice", "password": new})
    assert browser.post(CODE, {"code": totp(secret)}).status_code == 302


def test_the_first_step_is_over_after_ten_minutes(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    browser = first_step("alice")
    clock.shift(601)
    assert browser.post(f"{CODE}?next=/runs/", {"code": totp(secret)})["Location"] == "/login/?next=/runs/"
    assert browser.get(ACCOUNT).status_code == 302


@pytest.mark.parametrize("change", ["password", "inactive", "reset"])
def test_the_first_step_is_over_when_the_account_changes(
    alice: User, browser_of: BrowserOf, clock: Traveller, change: str
) -> None:
    secret, _ = turn_on(browser_of(alice), clock)
    browser = first_step("alice")
    if change == "password":
        alice.set_password("a quite different 9")
    alice.is_active = change != "inactive"
    alice.save()
    if change == "reset":
        SecondFactor.objects.all().delete()
    assert browser.post(CODE, {"code": totp(secret)})["Location"].startswith("/login/")


def test_nobody_gets_to_the_second_step_without_the_first(alice: User, client: Client) -> None:
    assert client.get(CODE)["Location"] == "/login/?next=/"
    assert client.post(CODE, {"code": "000000"})["Location"] == "/login/?next=/"


def test_a_token_needs_no_code(alice: User, browser_of: BrowserOf, clock: Traveller, settings: Any) -> None:
    turn_on(browser_of(alice), clock)
    settings.MFA_REQUIRED = "everyone"
    _, text = token_create(user=alice)
    assert Client().get("/api/schema", headers={"Authorization": f"Token {text}"}).status_code == 200
    answer = Client().get("/api/schema", headers={"Authorization": "Basic YWxpY2U6d2luZS1kYXJrIHNlYSA3"})
    assert answer.status_code == 401


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_it_is_turned_off_by_a_code_and_no_password(
    alice: User, browser_of: BrowserOf, clock: Traveller, kind: str
) -> None:
    browser = browser_of(alice)
    secret, codes = turn_on(browser, clock)
    off = SET_UP + "off/"
    for wrong in (PASSWORD, "000000"):
        assert browser.post(off, {"code": wrong}).status_code == 400
    assert SecondFactor.objects.exists()
    answer = browser.post(off, {"code": totp(secret) if kind == "app" else codes[0]})
    assert answer["Location"] == ACCOUNT and not SecondFactor.objects.exists()
    assert actions()[2:4] == ["second_factor.refuse"] * 2 and actions()[-1] == "second_factor.off"
    assert browser.get(off)["Location"] == ACCOUNT
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD})["Location"] == "/"


def test_sessions_that_a_password_alone_has_opened_end_with_it(
    alice: User, bob: User, browser_of: BrowserOf, clock: Traveller
) -> None:
    others, of_bob, own = [browser_of(alice), browser_of(alice)], browser_of(bob), browser_of(alice)
    copied = Client()
    copied.cookies["sessionid"] = own.cookies["sessionid"].value
    turn_on(own, clock)
    assert own.get(ACCOUNT).status_code == of_bob.get(ACCOUNT).status_code == 200
    assert [browser.get(ACCOUNT).status_code for browser in (*others, copied)] == [302] * 3


def test_new_recovery_codes_end_those_of_before(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    browser = browser_of(alice)
    secret, before = turn_on(browser, clock)
    assert browser.post(SET_UP + "codes/", {"code": PASSWORD}).status_code == 400
    codes = codes_in(browser.post(SET_UP + "codes/", {"code": totp(secret)}).text)
    assert len(codes) == 10 and not set(codes) & set(before)
    assert log_in("alice", before[0]).status_code == 200
    assert log_in("alice", codes[0]).status_code == 302
    assert "second_factor.codes" in actions()


def test_who_guesses_the_proof_waits(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    browser = browser_of(alice)
    turn_on(browser, clock)
    pages = [browser.post(SET_UP + "off/", {"code": "000000"}) for _ in range(CODE_LIMIT + 1)]
    assert [page.status_code for page in pages[-2:]] == [400, 429]


@pytest.mark.parametrize("required", ["", "admins", "everyone"])
def test_who_must_have_one_gets_nowhere_before(dave: User, alice: User, settings: Any, required: str) -> None:
    settings.MFA_REQUIRED = required
    for user, is_meant in ((dave, required != ""), (alice, required == "everyone")):
        browser = Client()
        answer = browser.post("/login/", {"username": user.username, "password": PASSWORD, "next": "/runs/"})
        assert answer["Location"] == "/runs/"
        page, program = browser.get("/runs/"), browser.get("/api/schema")
        assert program.status_code == (403 if is_meant else 200)
        if not is_meant:
            assert page.status_code == 200
            continue
        assert page["Location"] == f"{SET_UP}?next=/runs/" and "needs a second factor" in program.text
        for closed in (ACCOUNT, "/admin/", "/members/", "/docs/", "/api/docs", SET_UP + "off/"):
            assert browser.get(closed)["Location"].startswith(SET_UP)
        fragment = browser.get("/runs/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/"})
        assert fragment["HX-Redirect"] == f"{SET_UP}?next=/runs/"
        secret, offer = offered(browser.get(page["Location"]).text)
        shown = browser.post(page["Location"], {"offer": offer, "code": totp(secret)}).text
        assert len(codes_in(shown)) == 10 and 'href="/runs/"' in shown
        assert browser.get("/runs/").status_code == 200 and browser.get("/api/schema").status_code == 200


def test_who_must_have_one_gives_the_password_again_in_a_session_of_before(
    alice: User, clock: Traveller, settings: Any
) -> None:
    """An open browser must not give others a lasting key."""
    browser = Client()
    browser.post("/login/", {"username": "alice", "password": PASSWORD})
    clock.shift(FRESH_S)
    settings.MFA_REQUIRED = "everyone"
    page = browser.get(SET_UP).text
    secret, offer = offered(page)
    assert "Your password" in page
    form = {"offer": offer, "code": totp(secret)}
    for password in ({}, {"password": "no"}):
        assert browser.post(SET_UP, form | password).status_code == 400
    assert not SecondFactor.objects.exists()
    assert len(codes_in(browser.post(SET_UP, form | {"password": PASSWORD}).text)) == 10


def test_an_admin_sees_who_has_one_and_resets_it(
    alice: User, dave: User, browser_of: BrowserOf, clock: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    browser, admin = browser_of(alice), browser_of(dave)
    turn_on(browser, clock)
    rows = b"".join(admin.get("/members/?format=csv&sort=member").streaming_content)  # type: ignore[attr-defined]
    assert [line.split(",")[4] for line in rows.decode().splitlines()] == ["second_factor", "on", "off"]
    assert "Reset second factor" in admin.get("/members/").text
    with caplog.at_level(logging.INFO, "boursomatic.second_factor"):
        page = admin.post(f"/members/{alice.pk}/change", {"do": "factor"}, follow=True).text
    assert "alice logs in with the password alone" in page and "Reset second factor" not in page
    assert "second_factor.reset of alice by dave" in caplog.text
    entry = AuditEntry.objects.get(action="second_factor.reset")
    assert (entry.user, entry.subject) == (dave, "alice") and "session.end_all" in actions()
    assert browser.get(ACCOUNT).status_code == 302
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD})["Location"] == "/"
    assert "alice has no second factor" in admin.post(
        f"/members/{alice.pk}/change", {"do": "factor"}, follow=True
    ).text.replace("&#x27;", "'")
    assert browser_of(alice).post(f"/members/{dave.pk}/change", {"do": "factor"}).status_code == 403


def test_a_command_resets_it(alice: User, browser_of: BrowserOf, clock: Traveller) -> None:
    browser, out = browser_of(alice), StringIO()
    turn_on(browser, clock)
    call_command("reset_second_factor", "alice", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"user": "alice", "reset": True}
    assert not SecondFactor.objects.exists() and browser.get(ACCOUNT).status_code == 302
    assert AuditEntry.objects.get(action="second_factor.reset").user is None
    with pytest.raises(CommandError, match="alice has no second factor"):
        call_command("reset_second_factor", "alice", stdout=out)
    with pytest.raises(CommandError, match="no member 'alcie'"):
        call_command("reset_second_factor", "alcie", stdout=out)


def test_another_secret_key_leaves_the_recovery_codes(
    alice: User, browser_of: BrowserOf, clock: Traveller, settings: Any
) -> None:
    secret, codes = turn_on(browser_of(alice), clock)
    settings.SECRET_KEY = "another " * 8
    for _ in range(CODE_LIMIT + 1):  # none of them is a guess
        page = log_in("alice", totp(secret))
        assert page.status_code == 200 and "SECRET_KEY has changed. Use a recovery code" in page.text
    assert log_in("alice", codes[0]).status_code == 302


def test_a_member_is_told_by_email(
    alice: User, browser_of: BrowserOf, clock: Traveller, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_HOST = "mail.example"
    User.objects.update(email="alice@example.org")
    with django_capture_on_commit_callbacks(execute=True):
        _, codes = turn_on(browser_of(User.objects.get()), clock)
    with django_capture_on_commit_callbacks(execute=True):
        log_in("alice", codes[0])
    assert [message.to for message in mail.outbox] == [["alice@example.org"]] * 2
    assert "turned on" in mail.outbox[0].body and "recovery code of your account was used" in mail.outbox[1].body
    assert codes[0] not in mail.outbox[1].body

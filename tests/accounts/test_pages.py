import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from boursomatic.accounts.models import ApiToken, AuditEntry
from boursomatic.accounts.tokens import token_create
from tests.people import PASSWORD, BrowserOf

pytestmark = pytest.mark.db_both


def test_it_logs_in_and_out(alice: User, client: Client) -> None:
    page = client.get("/account/")
    assert page.status_code == 302 and page["Location"] == "/login/?next=/account/"
    page = client.post(page["Location"], {"username": "alice", "password": PASSWORD, "next": "/account/"})
    assert page["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/account/").status_code == 302


def test_it_says_when_the_password_is_wrong(alice: User, client: Client) -> None:
    page = client.post("/login/", {"username": "alice", "password": "no"})
    assert page.status_code == 200
    assert "Please enter a correct username and password" in page.text


def test_it_never_redirects_to_another_site_after_login(alice: User, client: Client) -> None:
    page = client.post("/login/", {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"})
    assert page["Location"] == "/"


def test_it_moves_the_whole_window_to_the_login_when_a_fragment_is_asked_for(db: None, client: Client) -> None:
    page = client.get("/account/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/?a=1"})
    assert page["HX-Redirect"] == "/login/?next=/runs/%3Fa%3D1"


def test_it_changes_the_password(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    new = "a quite different 9"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert browser.post("/account/password/", {**form, "old_password": "no"}).status_code == 400
    assert browser.post("/account/password/", form)["Location"] == "/account/"
    assert browser.get("/account/").status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert AuditEntry.objects.get().action == "password.change"


def test_it_makes_a_token_and_shows_it_once(alice: User, browser_of: BrowserOf, client: Client) -> None:
    browser = browser_of(alice)
    page = browser.post("/account/tokens/", {"name": "nightly", "scopes": ["read", "train"], "days": "30"})
    found = re.search(r'value="([0-9a-f]{64})"', page.text)
    assert page.status_code == 200 and found
    assert "no-store" in page["Cache-Control"]
    assert found[1] not in browser.get("/account/").text
    assert ApiToken.objects.get().scopes == ["read", "train"]
    assert client.get("/api/schema", headers={"Authorization": f"Token {found[1]}"}).status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"scopes": ["everything"]}, {"days": "0"}, {"days": "9999999"}, {"name": ""}]
)
def test_it_makes_no_token_of_rubbish(alice: User, browser_of: BrowserOf, wrong: dict[str, object]) -> None:
    page = browser_of(alice).post("/account/tokens/", {"name": "a", "scopes": ["read"], "days": "30", **wrong})
    assert page.status_code == 400
    assert not ApiToken.objects.exists()


def test_it_revokes_only_ones_own_tokens(alice: User, bob: User, browser_of: BrowserOf) -> None:
    token, _ = token_create(user=alice)
    address = f"/account/tokens/{token.digest}/revoke/"
    assert browser_of(bob).post(address).status_code == 404
    assert browser_of(alice).get(address).status_code == 405
    assert browser_of(alice).post(address).status_code == 302
    assert not ApiToken.objects.exists()


def test_it_tells_a_stranger_what_is_missing(stranger: User, browser_of: BrowserOf) -> None:
    assert "no role yet" in browser_of(stranger).get("/account/").text
    page = browser_of(stranger).get("/api/docs")
    assert page.status_code == 403
    assert "Ask an admin" in page.text


def test_it_asks_before_a_token_is_revoked(alice: User, browser_of: BrowserOf) -> None:
    token_create(user=alice, scopes=[], name="nightly")
    assert 'data-confirm="Revoke the token nightly?' in browser_of(alice).get("/account/").text


def test_it_logs_out_everywhere(alice: User, bob: User, browser_of: BrowserOf) -> None:
    browser, other, of_bob = browser_of(alice), browser_of(alice), browser_of(bob)
    assert browser.get("/account/sessions/end/").status_code == 405
    assert browser.post("/account/sessions/end/")["Location"] == "/login/"
    assert [each.get("/account/").status_code for each in (browser, other, of_bob)] == [302, 302, 200]
    assert AuditEntry.objects.get().action == "session.end_all"


def test_it_revokes_all_of_ones_own_tokens(alice: User, bob: User, browser_of: BrowserOf) -> None:
    for user in (alice, alice, bob):
        token_create(user=user)
    browser = browser_of(alice)
    assert "Revoke all tokens" in browser.get("/account/").text
    assert browser.post("/account/tokens/revoke/")["Location"] == "/account/"
    assert [token.user for token in ApiToken.objects.all()] == [bob]
    assert "Revoke all tokens" not in browser.get("/account/").text
    assert AuditEntry.objects.filter(action="token.revoke").count() == 2


@pytest.mark.parametrize("is_kept", [False, True])
def test_tokens_end_with_the_password_unless_they_are_to_be_kept(
    alice: User, bob: User, browser_of: BrowserOf, is_kept: bool
) -> None:
    token_create(user=alice)
    token_create(user=bob)
    browser, new = browser_of(alice), "a quite different 9"
    assert "Keep my API tokens" in browser.get("/account/password/").text
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new} | (
        {"keep_tokens": "on"} if is_kept else {}
    )
    assert browser.post("/account/password/", form).status_code == 302
    assert alice.auth_token_set.count() == is_kept and bob.auth_token_set.count() == 1

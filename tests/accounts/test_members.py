"""Members: invited, given roles, helped to a new password, made inactive, by admins alone and by pages alone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from boursomatic.accounts.members import MemberRefused, accounts_without_role, role_change
from boursomatic.accounts.models import ApiToken, AuditEntry
from boursomatic.accounts.roles import Role, role_of
from boursomatic.accounts.tokens import token_create
from tests.people import PASSWORD, ApiOf, BrowserOf, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]

NEW = "a quite different 9"
TAKE = {"username": "erin", "password1": NEW, "password2": NEW}
RESET = {"new_password1": NEW, "new_password2": NEW}
INVITE = {"name": "Erin", "email": "erin@example.org", "role": "trainer"}


def link_in(text: str) -> str:
    found = re.search(r'id="link" value="http://testserver(/[^"]+)"', text)
    assert found
    return found[1]


def follow(link: str) -> tuple[Client, str]:
    """A browser of whoever has the link, at the page behind it, whose address doesn't have the token."""
    browser = Client()
    answer = browser.get(link)
    return browser, answer["Location"] if answer.status_code == 302 else link


def change(browser: Client, member: User, do: str, **more: str) -> str:
    return browser.post(f"/members/{member.pk}/change", {"do": do, **more}, follow=True).text


def test_an_invited_person_chooses_name_and_password_once(dave: User, browser_of: BrowserOf) -> None:
    page = browser_of(dave).post("/members/invite", INVITE)
    link = link_in(page.text)
    assert "no-store" in page["Cache-Control"] and link not in browser_of(dave).get("/members/").text
    assert "Erin" in page.text and not mail.outbox
    browser, form = follow(link)
    assert browser.post(form, {**TAKE, "password2": "another"}).status_code == 400
    assert "already exists" in browser.post(form, {**TAKE, "username": "DAVE"}).text
    assert "too common" in browser.post(form, {**TAKE, "password1": "password12", "password2": "password12"}).text
    assert browser.post(form, TAKE)["Location"] == "/login/"
    erin = User.objects.get(username="erin")
    assert role_of(erin) is Role.TRAINER and erin.check_password(NEW)
    for _ in range(2):
        used = follow(link)[0].get(link)
        assert used.status_code == 410 and "was used already" in used.text and "admin for a new link" in used.text
    assert browser.post("/login/", {"username": "erin", "password": NEW})["Location"] == "/"
    actions = [entry.action for entry in AuditEntry.objects.order_by("id")]
    assert actions == ["member.invite", "member.join", "session.start"]


def test_an_invitation_ends_after_a_day_when_renewed_and_when_withdrawn(
    dave: User, browser_of: BrowserOf, settings: Any
) -> None:
    admin = browser_of(dave)
    first = link_in(admin.post("/members/invite", INVITE).text)
    waiting = User.objects.exclude(pk=dave.pk).get()
    assert settings.PASSWORD_RESET_TIMEOUT == 24 * 3600
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert Client().get(first).status_code == 410
    assert "link has expired" in admin.get("/members/").text
    settings.PASSWORD_RESET_TIMEOUT = 24 * 3600
    second = link_in(admin.post(f"/members/{waiting.pk}/change", {"do": "renew"}).text)
    assert (Client().get(first).status_code, Client().get(second).status_code) == (410, 302)
    browser, form = follow(second)
    assert "withdrawn" in change(admin, waiting, "withdraw")
    assert browser.post(form, TAKE).status_code == 410 and not User.objects.filter(username="erin").exists()


def test_nobody_logs_in_as_an_account_that_waits_for_its_owner(dave: User, browser_of: BrowserOf) -> None:
    link = link_in(browser_of(dave).post("/members/invite", INVITE).text)
    assert Client().get(link.replace("/invitation/", "/password/")).status_code == 410
    waiting = User.objects.exclude(pk=dave.pk).get()
    assert role_of(waiting) is None
    for do in ("password", "activate", "deactivate"):
        change(browser_of(dave), waiting, do)
    waiting.refresh_from_db()
    assert not waiting.is_active and not waiting.has_usable_password()


def test_links_are_mailed_where_mail_is_configured(
    dave: User, alice: User, browser_of: BrowserOf, settings: Any
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    page = browser_of(dave).post("/members/invite", INVITE).text
    assert mail.outbox[0].to == ["erin@example.org"] and link_in(page) in mail.outbox[0].body
    assert "was mailed to erin@example.org" in page
    assert "was not mailed" in browser_of(dave).post(f"/members/{alice.pk}/change", {"do": "password"}).text
    assert len(mail.outbox) == 1


def test_a_lost_password_is_replaced_by_a_link_which_unlocks_the_name(
    dave: User, alice: User, browser_of: BrowserOf
) -> None:
    old = browser_of(alice)
    for number in range(11):
        Client().post("/login/", {"username": "alice", "password": f"guess {number}"})
    link = link_in(browser_of(dave).post(f"/members/{alice.pk}/change", {"do": "password"}).text)
    assert old.get("/account/").status_code == 200
    browser, form = follow(link)
    assert browser.post(form, {"new_password1": "short", "new_password2": "short"}).status_code == 400
    assert browser.post(form, RESET)["Location"] == "/login/"
    assert browser.post("/login/", {"username": "alice", "password": NEW})["Location"] == "/"
    assert old.get("/account/").status_code == 302
    assert Client().get(link).status_code == 410
    assert list(AuditEntry.objects.order_by("id").values_list("action", "subject")) == [
        ("member.password", "alice"), ("password.reset", "alice"), ("session.start", "alice"),
    ]  # fmt: skip


def test_nobody_makes_such_a_link_for_oneself(dave: User, browser_of: BrowserOf) -> None:
    """An open browser would have the account for good."""
    page = browser_of(dave).post(f"/members/{dave.pk}/change", {"do": "password"}, follow=True).text
    assert "Your own password is changed on the page Account" in page and "/password/" not in page


def test_two_windows_with_the_same_link_set_one_password(dave: User, alice: User, browser_of: BrowserOf) -> None:
    link = link_in(browser_of(dave).post(f"/members/{alice.pk}/change", {"do": "password"}).text)
    windows = [follow(link) for _ in range(2)]
    assert [browser.post(form, RESET).status_code for browser, form in windows] == [302, 410]


def test_a_role_is_changed_at_once(dave: User, bob: User, browser_of: BrowserOf) -> None:
    assert "bob is manager from now on" in change(browser_of(dave), bob, "role", role="manager")
    bob = User.objects.get(pk=bob.pk)
    assert role_of(bob) is Role.MANAGER and bob.groups.count() == 1
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.subject, entry.details) == (dave, "bob", {"before": "viewer", "after": "manager"})
    assert "not understood" in change(browser_of(dave), bob, "role", role="king")


def test_who_leaves_is_out_at_once_and_for_good(dave: User, alice: User, browser_of: BrowserOf, api: ApiOf) -> None:
    browser, program = Client(), api(alice)
    browser.post("/login/", {"username": "alice", "password": PASSWORD})
    assert browser.get("/runs/").status_code == 200 and program.get("/api/instruments").status_code == 200
    link = link_in(browser_of(dave).post(f"/members/{alice.pk}/change", {"do": "password"}).text)
    assert "alice is inactive" in change(browser_of(dave), alice, "deactivate")
    assert browser.get("/runs/").status_code == 302 and program.get("/api/instruments").status_code == 401
    assert Client().get(link).status_code == 410 and not ApiToken.objects.exists()
    assert "alice can log in again" in change(browser_of(dave), alice, "activate")
    assert browser.get("/runs/").status_code == 302 and program.get("/api/instruments").status_code == 401
    assert browser.post("/login/", {"username": "alice", "password": PASSWORD})["Location"] == "/"
    assert role_of(User.objects.get(pk=alice.pk)) is Role.TRAINER


def test_an_admin_always_remains(dave: User, browser_of: BrowserOf) -> None:
    for do, more in (("deactivate", {}), ("role", {"role": "viewer"})):
        assert "another admin&#x27;s to change" in change(browser_of(dave), dave, do, **more)
    other, root = make_person("eve", Role.ADMIN), User.objects.create_superuser("root", password=PASSWORD)
    assert "changed on the server" in change(browser_of(dave), root, "role", role="viewer")
    role_change(member=other, role=Role.VIEWER, by=dave)
    with pytest.raises(MemberRefused, match="you are none any more"):
        role_change(member=dave, role=Role.VIEWER, by=other)
    assert role_of(User.objects.get(pk=dave.pk)) is Role.ADMIN


def test_it_lists_everybody_with_when_they_were_last_seen(
    dave: User, alice: User, stranger: User, browser_of: BrowserOf
) -> None:
    long_ago, recent = timezone.now() - timedelta(days=400), timezone.now() - timedelta(days=3)
    User.objects.filter(pk=alice.pk).update(last_login=long_ago)
    ApiToken.objects.create(user=alice, expiry=timedelta(days=9))
    ApiToken.objects.update(last_used_at=recent)
    page = browser_of(dave).get("/members/").text
    assert f"{recent:%Y-%m-%d %H:%M}" in page and f"{long_ago:%Y-%m-%d}" not in page
    assert "Without a role, and so without a page to see: stranger." in page
    assert list(accounts_without_role()) == [stranger]


def test_an_account_without_a_role_is_told_whom_to_ask(
    dave: User, stranger: User, browser_of: BrowserOf, api: ApiOf
) -> None:
    for address in ("/", "/runs/", "/members/"):
        page = browser_of(stranger).get(address)
        assert page.status_code == 403 and "Your account has no role yet" in page.text
        assert "Ask dave" in page.text and 'action="/logout/"' in page.text
    answer = api(stranger).get("/api/instruments")
    assert answer.status_code == 403 and "no role yet" in answer.json()["detail"]


@pytest.mark.parametrize("wrong", [{"name": ""}, {"email": "no address"}, {"role": "king"}])
def test_it_invites_nobody_by_rubbish(dave: User, browser_of: BrowserOf, wrong: dict[str, str]) -> None:
    assert browser_of(dave).post("/members/invite", {**INVITE, **wrong}).status_code == 400
    assert User.objects.count() == 1


def test_the_list_is_sorted_has_columns_and_is_taken_away_as_csv(dave: User, browser_of: BrowserOf) -> None:
    make_person("ann", Role.VIEWER)
    admin = browser_of(dave)
    assert "Erin" in admin.post("/members/invite", INVITE).text
    page = admin.get("/members/", {"sort": "-member"}).text
    assert page.index("<strong>dave") < page.index("<strong>ann") < page.index("<strong>Erin")
    answer = admin.get("/members/", {"format": "csv", "sort": "member"})
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "member,role,seen,state,second_factor,name,email,link_until"
    assert [line.split(",")[:2] for line in lines[1:]] == [["Erin", "trainer"], ["ann", "viewer"], ["dave", "admin"]]
    assert admin.get("/members/invite", {"sort": "role"})["Location"] == "/members/?sort=role"
    admin.post("/account/columns/accounts/", {"all": ["role", "seen", "state"], "shown": ["role"], "next": "/members/"})
    assert "Last seen" not in admin.get("/members/").text.split("<thead>")[1]


def test_an_admin_logs_a_member_out_and_revokes_tokens(
    dave: User, alice: User, browser_of: BrowserOf, api: ApiOf
) -> None:
    browser, program, admin = browser_of(alice), api(alice), browser_of(dave)
    assert "alice is logged out of every browser" in change(admin, alice, "logout")
    assert browser.get("/account/").status_code == 302
    assert program.get("/api/instruments").status_code == 200
    assert "Revoke tokens (1)" in admin.get("/members/").text
    assert "1 token of alice is revoked" in change(admin, alice, "tokens")
    assert program.get("/api/instruments").status_code == 401
    assert "Revoke tokens" not in admin.get("/members/").text


@pytest.mark.parametrize("is_kept", [False, True])
def test_tokens_end_with_a_lost_password_unless_they_are_to_be_kept(
    dave: User, alice: User, browser_of: BrowserOf, is_kept: bool
) -> None:
    token_create(user=alice)
    link = link_in(browser_of(dave).post(f"/members/{alice.pk}/change", {"do": "password"}).text)
    browser, form = follow(link)
    assert browser.post(form, RESET | ({"keep_tokens": "on"} if is_kept else {})).status_code == 302
    assert alice.auth_token_set.count() == is_kept

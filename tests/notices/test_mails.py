"""Mails of notices: to who wants which, after the commit, at most once, whatever the server or a worker does."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from boursomatic.notices.housekeeping import notices_keep
from boursomatic.notices.mails import mails_send, mails_waiting
from boursomatic.notices.models import MailChoice, MailState, Notice, NoticeKind, NoticeMail
from boursomatic.notices.services import notice_make
from tests.faults.crew import until
from tests.notices.smtp import MailServer
from tests.people import BrowserOf
from training.worker import housekeeping
from training.worker.housekeeping import Housekeeper

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
DAY = date(2026, 11, 27)


def _wants(browser_of: BrowserOf, user: User, *kinds: NoticeKind) -> None:
    sent = {"kinds": [kind.value for kind in kinds], "email": f"{user.username}@example.org"}
    assert browser_of(user).post("/account/notices/", sent).status_code == 302


def _drifts(number: int = 1) -> None:
    notice_make(NoticeKind.SCORES, f"universe-{number}", f"Strange scores, {number}.", day=DAY)


def _states() -> list[str]:
    return list(NoticeMail.objects.order_by("pk").values_list("state", flat=True))


def _later(by: timedelta = timedelta(minutes=2)) -> None:
    for mail in NoticeMail.objects.all():
        NoticeMail.objects.filter(pk=mail.pk).update(due_at=mail.due_at - by)


def test_each_gets_what_was_chosen_and_may_be_seen(
    server: MailServer, request: pytest.FixtureRequest, browser_of: BrowserOf, settings: Any
) -> None:
    settings.NOTICE_TO = ["desk@example.org"]
    alice, bob, carol, dave = (request.getfixturevalue(name) for name in ("alice", "bob", "carol", "dave"))
    _wants(browser_of, alice, NoticeKind.RUN, NoticeKind.SCORES)
    _wants(browser_of, bob, NoticeKind.RUN)
    _wants(browser_of, carol, NoticeKind.ACCOUNT, NoticeKind.ACTIVATION)  # she is no admin
    _wants(browser_of, dave, NoticeKind.ACCOUNT)
    notice_make(NoticeKind.RUN, "20261127_1", "Candle run completed.", to=alice)
    _drifts()
    notice_make(NoticeKind.ACCOUNT, "stranger", "No role.", day=DAY)
    assert not server.messages
    mails_send()
    mails_send()
    assert sorted(to for to, _ in server.messages) == [
        "alice@example.org", "dave@example.org", "desk@example.org",
    ]  # fmt: skip
    texts = dict(server.texts)
    assert "Run ended.\nCandle run completed." in texts["alice@example.org"].replace("\r", "")
    assert "Strange scores" in texts["alice@example.org"] and "Strange scores" in texts["desk@example.org"]
    assert "Run ended" not in texts["desk@example.org"]
    assert server.messages[0][1]["Subject"] == "Boursomatic: Run ended and 1 more"
    assert set(_states()) == {MailState.SENT} and not mails_waiting()


def test_nothing_is_sent_to_who_chose_nothing(server: MailServer, bob: User, browser_of: BrowserOf) -> None:
    _wants(browser_of, bob)
    _drifts()
    _wants(browser_of, bob, NoticeKind.SCORES)  # from now on
    assert not NoticeMail.objects.exists()
    page = browser_of(bob).get("/account/").text
    assert 'value="scores" checked' in page and 'value="run" checked' not in page and 'value="account"' not in page


def test_it_says_why_nothing_is_sent(bob: User, browser_of: BrowserOf, settings: Any) -> None:
    assert "no mail server" in browser_of(bob).get("/account/").text
    settings.EMAIL_HOST = "127.0.0.1"
    assert "no e-mail address" in browser_of(bob).get("/account/").text


def test_what_is_rolled_back_is_not_sent(server: MailServer, bob: User, browser_of: BrowserOf) -> None:
    _wants(browser_of, bob, NoticeKind.SCORES)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _drifts()
        raise ZeroDivisionError
    assert not Notice.objects.exists() and not mails_waiting()


def test_a_server_that_is_away_is_asked_again(
    server: MailServer, bob: User, browser_of: BrowserOf, settings: Any
) -> None:
    _wants(browser_of, bob, NoticeKind.SCORES)
    settings.EMAIL_PORT = 1
    _drifts()
    mails_send()
    assert _states() == [MailState.WAITING] and not mails_waiting()
    settings.EMAIL_PORT = server.port
    _later()
    mails_send()
    assert [to for to, _ in server.messages] == ["bob@example.org"] and _states() == [MailState.SENT]


def test_what_can_not_be_sent_for_a_day_is_given_up(
    server: MailServer, bob: User, browser_of: BrowserOf, caplog: pytest.LogCaptureFixture
) -> None:
    _wants(browser_of, bob, NoticeKind.SCORES)
    server.answers["RCPT"] = "450 Later"
    _drifts(1)
    _drifts(2)
    Notice.objects.filter(subject="universe-1").update(made_at=timezone.now() - timedelta(days=2))
    mails_send()
    assert _states() == [MailState.FAILED, MailState.WAITING]
    assert "universe-1: Scores have drifted' to bob@example.org was not sent" in caplog.text


@pytest.mark.parametrize("fault", [("RCPT", "550 Nobody"), ("DATA", "554 No"), ("END", "")])
def test_what_is_refused_or_in_doubt_is_not_sent_again(
    server: MailServer, bob: User, browser_of: BrowserOf, fault: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    _wants(browser_of, bob, NoticeKind.SCORES)
    server.answers = dict([fault])
    _drifts()
    mails_send()
    assert _states() == [MailState.FAILED] and "was not sent" in caplog.text
    server.answers = {}
    _later()
    mails_send()
    assert len(server.messages) == (fault[0] == "END")


def test_what_a_killed_worker_was_sending_is_not_sent_twice(
    server: MailServer, bob: User, browser_of: BrowserOf, caplog: pytest.LogCaptureFixture
) -> None:
    _wants(browser_of, bob, NoticeKind.SCORES)
    _drifts()
    NoticeMail.objects.update(state=MailState.SENDING)
    notices_keep()
    assert _states() == [MailState.SENDING]
    _later(timedelta(minutes=11))
    notices_keep()
    mails_send()
    assert _states() == [MailState.FAILED] and not server.messages
    assert "may have arrived or not" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_worker_command_sends_by_a_child(
    server: MailServer, bob: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on while a server makes it wait."""
    monkeypatch.setattr(housekeeping, "CALLS_EVERY_S", 0.0)
    _wants(browser_of, bob, NoticeKind.SCORES)
    _drifts()
    housekeeper = Housekeeper()
    housekeeper.work()
    connection.close()
    until(lambda: _states() == [MailState.SENT])
    until(lambda: housekeeper.work() or housekeeper.mailer is None)
    assert [to for to, _ in server.messages] == ["bob@example.org"]


def test_a_member_says_where_mails_go(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    browser.post("/account/notices/", {"kinds": ["run"], "email": "bob@quant.example"})
    bob.refresh_from_db()
    assert bob.email == "bob@quant.example" and 'value="bob@quant.example"' in browser.get("/account/").text
    refused = browser.post("/account/notices/", {"kinds": [], "email": "bob at home"}, follow=True)
    bob.refresh_from_db()
    assert "That is no e-mail address, so nothing was changed" in refused.text and bob.email == "bob@quant.example"
    assert MailChoice.objects.filter(user=bob).count() == 1

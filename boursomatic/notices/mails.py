"""Mails of notices: sent by a child of the worker command, after the commit, each at most once.

A mail is claimed before it is sent. What the server is known not to have taken waits for the next time; where nobody
can tell (a worker killed, a connection lost) it is not sent again, and marked as failed. The page has the notice all
the same.
"""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from boursomatic.notices.models import MailState, NoticeMail

PAUSE = timedelta(minutes=1)  # before a server that was away is asked again
PATIENCE = timedelta(days=1)  # what could not be sent by then is given up
LOST = timedelta(minutes=10)  # no mail takes so long: who sent it was killed

log = logging.getLogger("boursomatic.notices")


def mails_waiting() -> bool:
    """Whether there is something to send now; one indexed read."""
    return bool(settings.EMAIL_HOST) and _due().exists()


def mails_send() -> None:
    """All that are due, one message for each address."""
    connection = get_connection()
    while mails := _claim():
        try:
            connection.open()
        except OSError as problem:  # smtplib's errors are OSErrors too
            _defer(mails, str(problem))
            _due().update(due_at=Now() + PAUSE)
            return
        try:
            connection.send_messages([_message(mails)])
        except smtplib.SMTPResponseException as problem:
            _refused(mails, problem.smtp_code, str(problem))
        except smtplib.SMTPRecipientsRefused as problem:
            _refused(mails, max(code for code, _ in problem.recipients.values()), str(problem))
        except OSError as problem:
            _fail(_of(mails), f"It may have arrived or not: {problem}")
        else:
            _of(mails).update(state=MailState.SENT, problem="")
        connection.close()


def mails_give_up() -> None:
    """Those whose sender was killed: whether they arrived nobody can tell."""
    lost = NoticeMail.objects.filter(state=MailState.SENDING, due_at__lt=Now() - LOST)
    if lost.exists():
        _fail(lost, "Whoever sent it was killed: it may have arrived or not")


def _due() -> QuerySet[NoticeMail]:
    return NoticeMail.objects.filter(state=MailState.WAITING, due_at__lte=Now()).order_by("due_at", "pk")


def _claim() -> list[NoticeMail]:
    """All that wait for the next address, this process's from now on: committed before anything is sent."""
    with transaction.atomic():
        first = _due().first()
        if first is None:
            return []
        rows = _due().filter(address=first.address).select_related("notice")
        mails = list(rows.select_for_update(skip_locked=True, of=("self",)))
        _of(mails).update(state=MailState.SENDING, due_at=Now())
    return mails


def _message(mails: Sequence[NoticeMail]) -> EmailMessage:
    notices = [mail.notice for mail in mails]
    lines = [
        f"{notice.subject}{f', {notice.day}' if notice.day else ''}: {notice.get_kind_display()}.\n{notice.text}"
        for notice in notices
    ]
    subject = f"Boursomatic: {notices[0].get_kind_display()}" + (f" and {len(notices) - 1} more" * (len(notices) > 1))
    return EmailMessage(subject, "\n\n".join(lines), None, [mails[0].address])


def _refused(mails: Sequence[NoticeMail], code: int, problem: str) -> None:
    if 400 <= code < 500:
        _defer(mails, problem)
    else:
        _fail(_of(mails), problem)


def _defer(mails: Sequence[NoticeMail], problem: str) -> None:
    """Waits again; what has waited for long is given up."""
    log.warning("Mails to %s wait: %s", mails[0].address, problem)
    old = _of(mails).filter(notice__made_at__lt=Now() - PATIENCE)
    _fail(old, problem)
    rows = _of(mails).filter(state=MailState.SENDING)
    rows.update(state=MailState.WAITING, due_at=Now() + PAUSE, problem=problem[:300])


def _fail(mails: QuerySet[NoticeMail], problem: str) -> None:
    for mail in mails.select_related("notice"):
        log.error("The mail of %r to %s was not sent: %s", str(mail.notice), mail.address, problem)
    mails.update(state=MailState.FAILED, problem=problem[:300])


def _of(mails: Sequence[NoticeMail]) -> QuerySet[NoticeMail]:
    return NoticeMail.objects.filter(pk__in=[mail.pk for mail in mails])

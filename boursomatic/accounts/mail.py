"""E-mail to members, where a mail server is set."""

import logging

from django.conf import settings
from django.core.mail import send_mail

log = logging.getLogger("boursomatic.mail")


def mail_send(*, address: str, subject: str, text: str) -> bool:
    """Whether it went out; what it tells stands on a page or in the audit whatever a mail server does."""
    if not (address and settings.EMAIL_HOST):
        return False
    try:
        send_mail(subject, text, None, [address])
    except OSError as problem:  # smtplib's errors are OSErrors too
        log.warning("An e-mail could not be sent: %s", problem)
        return False
    return True

"""Notices of models in use: made once for a model, day and kind, and mailed if that is configured."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.utils import timezone

from predictions.models import Notice, NoticeKind

log = logging.getLogger("boursomatic.notices")


def notice_make(version: str, day: date, kind: NoticeKind, text: str, figures: Mapping[str, Any]) -> Notice | None:
    """None where it was made before."""
    values = {"text": text, "figures": dict(figures), "made_at": timezone.now()}
    notice, new = Notice.objects.get_or_create(version=version, day=day, kind=kind, defaults=values)
    return notice if new else None


def notices_mail(notices: list[Notice]) -> None:
    """To BOURSOMATIC_NOTICE_TO. The notices stand on the page whatever a mail server does."""
    if not (notices and settings.NOTICE_TO and settings.EMAIL_HOST):
        return
    lines = [f"{notice.version}, {notice.day}: {notice.get_kind_display()}.\n{notice.text}" for notice in notices]
    subject = f"Boursomatic: {notices[0].get_kind_display()}" + (f" and {len(notices) - 1} more" * (len(notices) > 1))
    try:
        send_mail(subject, "\n\n".join(lines), None, settings.NOTICE_TO)
    except OSError as problem:  # smtplib's errors are OSErrors too
        log.warning("A notice could not be mailed: %s", problem)

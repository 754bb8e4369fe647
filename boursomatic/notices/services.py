"""Notices: made in the transaction of what they tell, seen by whom they concern, mailed to who wants that."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet, Subquery, prefetch_related_objects
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Person, Role, role_of
from boursomatic.notices.models import (
    OF_ADMINS,
    OF_MODELS,
    MailChoice,
    Notice,
    NoticeKind,
    NoticeMail,
    NoticesSeen,
)

COUNTED = 99  # the bell says "99+" beyond
_LOCK = 7_301_998  # PostgreSQL advisory lock


def notice_make(
    kind: NoticeKind,
    subject: str,
    text: str,
    *,
    day: date | None = None,
    to: User | None = None,
    details: Mapping[str, Any] | None = None,
) -> Notice | None:
    """One row, and one for each mail, in the caller's transaction. With a `day` once for each subject, kind and day:
    None where it was made before."""
    with transaction.atomic():
        _lock()
        if day and Notice.objects.filter(kind=kind, subject=subject, day=day).exists():
            return None
        now = timezone.now()
        notice = Notice.objects.create(
            kind=kind, subject=subject, day=day, to=to, text=text[:500], figures=dict(details or {}), made_at=now
        )
        mails = [NoticeMail(notice=notice, address=address, due_at=now) for address in _addresses(notice)]
        NoticeMail.objects.bulk_create(mails)
    return notice


def visible_to(user: Person, after: int | Combinable = 0) -> QuerySet[Notice]:
    """What this person may know of, beyond the id `after`: it stands in both branches, so that the index answers each
    of them in one search."""
    role = role_of(user)
    if role is None:
        return Notice.objects.none()
    rows = Notice.objects.filter(Q(to=None, pk__gt=after) | Q(to=user.pk, pk__gt=after))
    return rows if role is Role.ADMIN else rows.exclude(kind__in=OF_ADMINS)


def new_count(user: User) -> int:
    """How many of them the person hasn't seen, since the account was made; at most COUNTED + 1."""
    prefetch_related_objects([user], "groups")  # the frame of the page asks for them again
    new = visible_to(user, Coalesce(Subquery(_seen(user)), 0)).filter(made_at__gte=user.date_joined)
    return new.order_by()[: COUNTED + 1].count()


def seen_upto(user: User) -> int:
    return _seen(user).first() or 0


def notices_see(user: User, upto: int) -> None:
    """Up to this one, if there is it: never back."""
    newest = visible_to(user).filter(pk__lte=upto).aggregate(newest=Max("pk"))["newest"] or 0
    seen, is_first = NoticesSeen.objects.get_or_create(user=user, defaults={"upto": newest})
    if not is_first:
        NoticesSeen.objects.filter(pk=seen.pk, upto__lt=newest).update(upto=newest)


def kinds_for(user: Person) -> list[NoticeKind]:
    """Those that this person may see."""
    is_admin = role_of(user) is Role.ADMIN
    return [kind for kind in NoticeKind if is_admin or kind not in OF_ADMINS]


def mail_settings(user: User) -> dict[str, Any]:
    """Context of the form: which kinds there are to choose from, and which the person gets by e-mail."""
    chosen = set(MailChoice.objects.filter(user=user).values_list("kind", flat=True))
    return {"kinds": kinds_for(user), "chosen": chosen, "has_server": bool(settings.EMAIL_HOST)}


def mail_kinds_choose(user: User, kinds: Iterable[str], *, address: str) -> None:
    """From now on; notices that were made before are not sent."""
    wanted_kinds = set(kinds) & set(kinds_for(user))
    with transaction.atomic():
        if address != user.email:
            user.email = address
            user.save(update_fields=["email"])
            audit(user, "user.email", user.get_username(), email=address)
        MailChoice.objects.filter(user=user).delete()
        MailChoice.objects.bulk_create([MailChoice(user=user, kind=kind) for kind in sorted(wanted_kinds)])


def _addresses(notice: Notice) -> set[str]:
    """Of those who want this one, and may see it; none without a mail server."""
    if not settings.EMAIL_HOST:
        return set()
    choices = MailChoice.objects.filter(kind=notice.kind, user__is_active=True).exclude(user__email="")
    if notice.to_id:
        choices = choices.filter(user=notice.to_id)
    people = [choice.user for choice in choices.select_related("user").prefetch_related("user__groups")]
    may_see = {user.email for user in people if role_of(user) and notice.kind in kinds_for(user)}
    return may_see | set(settings.NOTICE_TO if notice.kind in OF_MODELS else ())


def _seen(user: Person) -> QuerySet[NoticesSeen, int]:
    return NoticesSeen.objects.filter(user=user.pk).values_list("upto", flat=True)


def _lock() -> None:
    """Until the transaction ends, so that notices appear in the order of their ids: what a person has seen is told by
    one id. On SQLite every transaction that writes holds the only lock already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])

"""Which columns of a table a person hides; what a release adds is shown to everybody."""

import re
from collections.abc import Iterable

from django.contrib.auth.models import User

from boursomatic.accounts.models import HiddenColumns
from boursomatic.accounts.roles import Person

MOST = 40  # columns that a table may have
NAME = re.compile(r"[a-z_]{1,30}", re.ASCII)


def hidden_columns(user: Person, table: str) -> frozenset[str]:
    names = HiddenColumns.objects.filter(user=user.pk, table=table).values_list("names", flat=True).first()
    return frozenset(names or ())


def columns_hide(*, user: User, table: str, names: Iterable[str]) -> None:
    """From now on; none shows all."""
    kept_names = sorted({name for name in names if NAME.fullmatch(name)})[:MOST]
    HiddenColumns.objects.update_or_create(user=user, table=table, defaults={"names": kept_names})

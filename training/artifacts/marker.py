"""Whether the artifact store is this database's: both hold the same marker, a word drawn once.

A folder that isn't mounted is empty, and another installation's has other models: neither may be trained into.
"""

import logging
from uuid import uuid4

from boursomatic.backup.artifacts import MARKER, STAGING
from boursomatic.backup.errors import reason_of
from boursomatic.shared.stores import StoreFailed
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion, StoreMarker

_ROW = 1
log = logging.getLogger("boursomatic.artifacts")


def problem() -> str:
    """What is amiss and what to do, "" where database and store belong together."""
    return compare(*read())


def read() -> tuple[str, str]:
    """The store's marker, or why it can't be read. Without the database."""
    try:
        return artifact_storage().marker(), ""
    except StoreFailed as error:
        return "", str(error)
    except OSError as error:
        return "", f"The artifact store can't be read: {reason_of(error)}. See that it is mounted."


def compare(stored: str, why: str) -> str:
    """What `problem` says of an answer of `read`."""
    if why:
        return why
    expected = _expected()
    if not expected:
        return (
            "The database has no artifact store yet, and this one holds nothing of it. Mount the one with the files of "
            "its models, for a new site an empty one, and run: python manage.py migrate."
        )
    if stored == expected:
        return ""
    differs = "belongs to another database" if stored else "is not mounted, or not this database's"
    return (
        f"The artifact store {differs}: its file {MARKER} is {stored or 'missing'}, expected is {expected}. Mount the "
        f"right one; if this is it, write {expected} into that file."
    )


def settle() -> None:
    """Both get a marker where neither has one and nothing speaks against their being a pair: a database without models
    takes only a store without files of runs. Also called by the end of `migrate`."""
    try:
        _settle()
    except OSError as error:
        log.warning("The artifact store can't be marked: %s. Mend that, then run migrate again.", reason_of(error))


def renew() -> None:
    """A restored pair is one of its own, not the pair that was backed up. Raises OSError."""
    marker = uuid4().hex
    StoreMarker.objects.update_or_create(pk=_ROW, defaults={"marker": marker})
    artifact_storage().write_marker(marker)


def _settle() -> None:
    storage = artifact_storage()
    stored, expected, folders = storage.marker(), _expected(), storage.folders()
    published = [folder for folder in folders if not folder.startswith(STAGING)]
    has_models = ModelVersion.objects.exists()
    if expected:
        if not stored and not folders and not has_models:
            storage.write_marker(expected)
        return
    is_pair = ModelVersion.objects.filter(folder__in=folders).exists() if has_models else not published
    if not is_pair:
        return
    # Without models it is never another's word that is taken over: that site notices while there is nothing to lose.
    marker = stored if has_models and stored else uuid4().hex
    if marker != stored:
        storage.write_marker(marker)  # first: without a row, the next migrate does it again
    row, _ = StoreMarker.objects.get_or_create(pk=_ROW, defaults={"marker": marker})
    if row.marker != marker:  # another migrate was quicker
        storage.write_marker(row.marker)


def _expected() -> str:
    return StoreMarker.objects.filter(pk=_ROW).values_list("marker", flat=True).first() or ""

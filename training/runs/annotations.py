"""What people call a run and say of it: a name, notes, tags, a pin. Who may is decided before, by the caller."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.audit import audit
from training.errors import TooLate
from training.models import Description, RunTag, TrainingRun
from training.quant.candle.spec import SpecError

NAME_MOST, NOTES_MOST, TAG_MOST = 80, 4000, 30  # characters
TAGS_MOST = 10  # on one run
TAG = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Annotations:
    """Of one run; nothing said yet is empty."""

    name: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "tags": list(self.tags)}


def annotations_of(run: TrainingRun) -> Annotations:
    """No query where `description` and `tags` were loaded with the run."""
    tags = tuple(tag.text for tag in run.tags.all())
    description = getattr(run, "description", None)
    return (
        Annotations(description.name, description.notes, tags, description.pinned)
        if description
        else Annotations(tags=tags)
    )


def run_describe(*, run: TrainingRun, user: User | None, changes: Mapping[str, Any]) -> None:
    """Writes what `parse_annotations` gave. Raises TooLate where the run was deleted meanwhile."""
    with transaction.atomic():
        if not TrainingRun.objects.existing().select_for_update().filter(pk=run.pk).values_list("pk").first():
            raise TooLate(f"Run {run.run_id} was deleted meanwhile.")
        described = {name: value for name, value in changes.items() if name != "tags"}
        if described:
            Description.objects.update_or_create(run=run, defaults=described)
        if "tags" in changes:
            RunTag.objects.filter(run=run).exclude(text__in=changes["tags"]).delete()
            RunTag.objects.bulk_create([RunTag(run=run, text=tag) for tag in changes["tags"]], ignore_conflicts=True)
        audit(user, "run.describe", run.run_id, fields=sorted(changes))


def parse_annotations(data: Any) -> dict[str, Any]:
    """The fields to change, checked; those that are not named stay. Raises SpecError."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    if not data:
        raise SpecError({"detail": [f"Nothing to change. Send one or more of {', '.join(_CHECKS)}."]})
    checked, errors = {}, {}
    for name, value in data.items():
        try:
            checked[name] = _check(name, value)
        except ValueError as error:
            errors[str(name)[:60]] = [str(error)]
    if errors:
        raise SpecError(errors)
    return checked


def parse_tag(text: str) -> str:
    """As it is kept: in small letters. Raises ValueError with a sentence for the user."""
    tag = unicodedata.normalize("NFC", text.strip().lower())
    if len(tag) > TAG_MOST or not TAG.fullmatch(tag):
        raise ValueError(
            f"A tag is up to {TAG_MOST} letters, digits, '_', '.' or '-', and begins with one of the first."
        )
    return tag


def _check(name: Any, value: Any) -> Any:
    if name not in _CHECKS:
        raise ValueError(f"Unknown field. Known: {', '.join(_CHECKS)}.")
    return _CHECKS[name](value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value := value.strip()) > NAME_MOST or not value.isprintable():
        raise ValueError(f"Must be a text of up to {NAME_MOST} characters on one line.")
    return value


def _notes(value: Any) -> str:
    text = value.replace("\r\n", "\n").strip() if isinstance(value, str) else None
    if text is None or len(text) > NOTES_MOST or not text.replace("\n", "").replace("\t", "").isprintable():
        raise ValueError(f"Must be a text of up to {NOTES_MOST} characters, without control characters.")
    return text


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ValueError("Must be a list of texts.")
    if len(value) > TAGS_MOST:
        raise ValueError(f"A run has {TAGS_MOST} tags at most.")
    return tuple(sorted({parse_tag(tag) for tag in value}))


def _pinned(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Must be true or false.")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {"name": _name, "notes": _notes, "tags": _tags, "pinned": _pinned}

"""Before web and workers start: tables, static files, demo data and the first account, each only if missing."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from boursomatic.accounts.roles import Role
from boursomatic.env import BadSetting, Env
from training.artifacts import marker
from training.queue import release

FIRST_ACCOUNT = "admin"


def prepare(say: Callable[[str], None]) -> str:
    """Does what is needed and says so, one line for each step; returns how to log in."""
    _check_password(say)
    _migrate(say)
    _collect_static(say)
    _load_demo(say)
    return _first_account()


def _migrate(say: Callable[[str], None]) -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say(f"Making the tables of the database ({connection.vendor}).")
        call_command("migrate", verbosity=0, interactive=False)
    else:
        release.write()
        marker.settle()


def _collect_static(say: Callable[[str], None]) -> None:
    fingerprint = _static_fingerprint()
    stamp = Path(settings.STATIC_ROOT) / ".stamp"
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    say("Preparing the static files.")
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp.write_text(fingerprint)


def _static_fingerprint() -> str:
    """Changes with any file's name, size or time."""
    digest = hashlib.sha256()
    for name, path in sorted(_static_files()):
        status = path.stat()
        digest.update(f"{name} {path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _static_files() -> Iterator[tuple[str, Path]]:
    for finder in get_finders():
        for name, storage in finder.list(ignore_patterns=[]):
            yield name, Path(storage.path(name))


def _load_demo(say: Callable[[str], None]) -> None:
    if settings.DEMO and not apps.get_model("instruments", "Instrument").objects.exists():
        say("Loading the demo market data.")
        with Path(os.devnull).open("w") as nowhere:
            call_command("load_demo", stdout=nowhere)


def _check_password(say: Callable[[str], None]) -> None:
    """That of the first account follows the rules: in production, or the start is refused (BadSetting)."""
    if not (given := Env.read().text("BOURSOMATIC_ADMIN_PASSWORD")):
        return
    try:
        validate_password(given, User(username=FIRST_ACCOUNT))
    except ValidationError as error:
        problem = f"BOURSOMATIC_ADMIN_PASSWORD: {' '.join(error.messages)}"
        if settings.PRODUCTION:
            raise BadSetting(
                f"{problem} Set a better one, or remove it and run: python manage.py changepassword {FIRST_ACCOUNT}."
            ) from error
        say(f"Warning: {problem}")


def _first_account() -> str:
    """The account `admin` where nobody has one yet."""
    if User.objects.exists():
        return f"Log in as {FIRST_ACCOUNT} (a lost password: python manage.py changepassword {FIRST_ACCOUNT})."
    given = Env.read().text("BOURSOMATIC_ADMIN_PASSWORD")
    password = given or secrets.token_urlsafe(12)
    with transaction.atomic():
        user = User.objects.create_superuser(FIRST_ACCOUNT, password=password)
        user.groups.add(Group.objects.get(name=Role.ADMIN))
    if given:
        return f"Log in as {FIRST_ACCOUNT} with the password of BOURSOMATIC_ADMIN_PASSWORD."
    return f"Log in as {FIRST_ACCOUNT}, password {password} (shown this once; change it under Account)."

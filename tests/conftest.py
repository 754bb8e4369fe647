"""What all tests share. The people are in tests/people.py; a throw-away PostgreSQL is in tests/postgres.py."""

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

from boursomatic.accounts.append_only import triggers_drop, triggers_make

pytest_plugins = ["tests.people", "tests.s3", "tests.shop"]

# Playwright's synchronous API runs an event loop in the test's thread, where Django would refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


# How long an example takes is the machine's doing, not the code's: on a busy one any takes more than 200 ms.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)  # after pytest-django has put its own order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process of many is left with it at the end; not what empties the
    tables, for it takes along what the migrations wrote."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None or _empties_tables(item))


def _empties_tables(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    return mark is not None and bool(mark.kwargs.get("transaction"))


@pytest.fixture(scope="session", autouse=True)
def _slow_processes_are_waited_for() -> None:
    """How soon a process starts is the machine's doing, too: what a request asks one for has longer here. Who checks
    how long that is says so."""
    from instruments.imports import sources, uploads  # noqa: PLC0415  (their models can be imported from here on)

    assert uploads.upload_read.__kwdefaults__
    uploads.upload_read.__kwdefaults__["wait_s"] = sources.TRY_S = 300.0


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium: Playwright's own can't be downloaded everywhere."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("Chromium is missing. On Debian or Ubuntu: apt-get install chromium.")
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root
    return {**browser_type_launch_args, "executable_path": path, "args": [*sandbox, *quiet]}


def _emptied(teardown: Callable[[TransactionTestCase], None]) -> Callable[[TransactionTestCase], None]:
    """Django empties all tables, which the audit's triggers refuse, and ends as `migrate` does: a database as good as
    new takes no artifact store that holds files. Tests leave some."""
    from training.artifacts import marker  # noqa: PLC0415  (its models can be imported from here on)

    def emptied(case: TransactionTestCase) -> None:
        triggers_drop(connection)
        teardown(case)
        marker.renew()
        triggers_make(connection)

    return emptied


TransactionTestCase._fixture_teardown = _emptied(TransactionTestCase._fixture_teardown)  # type: ignore[attr-defined]

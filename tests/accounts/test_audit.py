"""The audit: entries that nobody changes, chained so that a change by hand is found, and what is entered by whom."""

import importlib
import io
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F, ProtectedError
from django.test import Client
from django.utils import timezone

from boursomatic.accounts import chain
from boursomatic.accounts.append_only import triggers_drop, triggers_make
from boursomatic.accounts.audit import audit
from boursomatic.accounts.chain import chain_extend, chain_verify
from boursomatic.accounts.failed_logins import MOST_A_MINUTE, audit_keep
from boursomatic.accounts.models import AuditEntry, AuditHead, FailedLogin
from tests.people import PASSWORD, BrowserOf

pytestmark = pytest.mark.db_both
THREADS, EACH = 4, 10


@pytest.fixture
def entries(alice: User) -> list[AuditEntry]:
    details: list[dict[str, object]] = [{"share": 0.1}, {"count": 10**16}, {"text": "é\u2028"}, {"tiny": 1e-7}, {}]
    made = [audit(alice, "run.create", f"run {n}", **more) for n, more in enumerate(details)]
    chain_extend()
    return made


@pytest.fixture
def no_triggers(entries: list[AuditEntry]) -> Iterator[None]:
    """As for whoever edits the database by hand."""
    triggers_drop(connection)
    yield
    triggers_make(connection)


def test_no_entry_is_changed_or_deleted(entries: list[AuditEntry], alice: User) -> None:
    rows = AuditEntry.objects.all()
    refused: list[Any] = [
        lambda: rows.update(subject="other"),
        lambda: rows.update(user=None),
        lambda: rows.update(number=None, hash=""),
        lambda: rows.update(number=F("number") + 10),
        lambda: rows.filter(number=3)._raw_delete("default"),  # Django's own delete() asks as little
        entries[0].delete,
    ]
    for change in refused:
        with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
            change()
    with pytest.raises(ProtectedError):
        alice.delete()
    assert chain_verify().first_broken is None


@pytest.mark.django_db(transaction=True)
def test_the_tables_are_not_emptied() -> None:
    audit(None, "run.create", "run")
    with pytest.raises(CommandError, match="couldn't be flushed"):
        call_command("flush", interactive=False)
    assert AuditEntry.objects.count() == 1 and chain_verify().first_broken is None


def test_an_entry_that_is_not_chained_yet_is_not_changed_either(alice: User) -> None:
    audit(alice, "run.create", "run")
    rows = AuditEntry.objects.filter(number=None)
    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        rows.update(number=1, hash="x", subject="other")
    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        rows._raw_delete("default")


def test_the_chain_holds(entries: list[AuditEntry], alice: User) -> None:
    report = chain_verify()
    assert (report.entries, report.first_broken) == (5, None)
    head = AuditHead.objects.get()
    assert (head.number, head.hash) == (5, report.last_hash)
    audit(alice, "run.create", "one more")
    assert (chain_verify().entries, chain_verify().first_broken) == (6, None)
    chain_extend()
    chain_extend()
    assert list(AuditEntry.objects.order_by("id").values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_many_are_chained_in_short_transactions(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "AT_ONCE", 2)
    for n in range(5):
        audit(alice, "run.create", f"run {n}")
    chain_extend()
    assert list(AuditEntry.objects.order_by("id").values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    assert chain_verify().first_broken is None


def test_it_names_an_entry_that_was_edited(no_triggers: None) -> None:
    edits: list[tuple[int, dict[str, Any]]] = [
        (4, {"details": {}}), (3, {"user": None}), (2, {"subject": "run 7"}), (1, {"hash": "a" * 64}),
    ]  # fmt: skip
    for number, change in edits:
        AuditEntry.objects.filter(number=number).update(**change)
        assert chain_verify().first_broken == number


@pytest.mark.parametrize("number", [1, 3, 5])
def test_it_names_an_entry_that_was_removed(no_triggers: None, number: int) -> None:
    AuditEntry.objects.filter(number=number).delete()
    assert chain_verify().first_broken == number


def test_it_names_where_all_were_removed(no_triggers: None) -> None:
    AuditEntry.objects.all().delete()
    assert chain_verify().first_broken == 1


def test_it_names_an_entry_that_was_put_in(no_triggers: None, alice: User) -> None:
    AuditEntry.objects.filter(number=5).update(number=6)
    AuditEntry.objects.create(user=alice, action="run.create", subject="forged", number=5, hash="f" * 64)
    assert chain_verify().first_broken == 5


def test_it_names_where_two_were_exchanged(no_triggers: None) -> None:
    AuditEntry.objects.filter(number=2).update(number=99)
    AuditEntry.objects.filter(number=3).update(number=2)
    AuditEntry.objects.filter(number=99).update(number=3)
    assert chain_verify().first_broken == 2


def test_the_command_says_so(entries: list[AuditEntry]) -> None:
    out = io.StringIO()
    call_command("verify_audit", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"entries": 5, "intact": True, "first_broken": None}
    triggers_drop(connection)
    AuditEntry.objects.filter(number=2).update(subject="run 7")
    triggers_make(connection)
    out = io.StringIO()
    with pytest.raises(CommandError, match="Entry 2 of 5 was changed or removed"):
        call_command("verify_audit", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"entries": 5, "intact": False, "first_broken": 2}


def test_a_migration_chains_what_was_entered_before(no_triggers: None) -> None:
    AuditEntry.objects.update(number=None, hash="")
    AuditHead.objects.all().delete()
    importlib.import_module("boursomatic.accounts.migrations.0006_audit_append_only").chain_entries(apps, None)
    assert (chain_verify().entries, chain_verify().first_broken) == (5, None)
    assert AuditHead.objects.get().number == 5


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_make_one_chain() -> None:
    def write() -> None:
        try:
            for n in range(EACH):
                with transaction.atomic():
                    audit(None, "run.create", f"run {n}")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = chain_verify()
    assert (report.entries, report.first_broken) == (THREADS * EACH, None)
    assert AuditHead.objects.get().number == THREADS * EACH


@pytest.mark.django_db(transaction=True)
def test_a_long_transaction_keeps_nobody_from_the_chain() -> None:
    audit(None, "run.create", "before")
    locked = []

    def lock() -> None:
        try:
            with transaction.atomic():
                locked.append(AuditHead.objects.select_for_update(nowait=connection.vendor == "postgresql").get())
                transaction.set_rollback(True)
        finally:
            connection.close()

    with transaction.atomic():
        audit(None, "bars.import", "long")
        if connection.vendor == "postgresql":  # SQLite has one writer, whatever it writes
            thread = threading.Thread(target=lock)
            thread.start()
            thread.join()
            assert locked
    assert (chain_verify().entries, chain_verify().first_broken) == (2, None)


@pytest.mark.django_db(transaction=True)
def test_what_was_not_done_is_not_entered() -> None:
    with transaction.atomic():
        audit(None, "run.create", "run")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_login_and_logout_are_entered(alice: User, client: Client) -> None:
    client.post("/login/", {"username": "alice", "password": PASSWORD}, REMOTE_ADDR="203.0.113.9")
    client.post("/logout/", REMOTE_ADDR="203.0.113.9")
    entries = AuditEntry.objects.order_by("id").values_list("action", "user__username", "details")
    address = {"address": "203.0.113.9"}
    assert list(entries) == [("session.start", "alice", address), ("session.end", "alice", address)]


def test_wrong_passwords_are_one_entry_a_minute(alice: User, client: Client) -> None:
    for n in range(3):
        client.post("/login/", {"username": "alice", "password": f"guess {n}"})
    client.post("/login/", {"username": "my secret", "password": "alice"})
    audit_keep()
    FailedLogin.objects.update(minute=timezone.now() - timedelta(minutes=2))
    audit_keep()
    audit_keep()
    entries = AuditEntry.objects.filter(action="session.refuse").order_by("subject")
    assert [(entry.subject, entry.details["count"], entry.details["address"]) for entry in entries] == [
        ("alice", 3, "127.0.0.1"), ("an unknown name", 1, "127.0.0.1"),
    ]  # fmt: skip
    assert not FailedLogin.objects.exists() and chain_verify().first_broken is None


def test_wrong_passwords_from_everywhere_are_few_entries(alice: User, client: Client) -> None:
    for n in range(MOST_A_MINUTE + 5):
        client.post("/login/", {"username": f"name {n}", "password": "guess"}, REMOTE_ADDR=f"203.0.113.{n}")
    FailedLogin.objects.update(minute=timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=2))
    audit_keep()
    entries = AuditEntry.objects.filter(action="session.refuse")
    assert MOST_A_MINUTE < entries.count() <= 2 * (MOST_A_MINUTE + 1)  # the clock's minute may have turned meanwhile
    assert sum(entry.details["count"] for entry in entries) == MOST_A_MINUTE + 5


def test_downloads_are_entered(dave: User, browser_of: BrowserOf) -> None:
    browser = browser_of(dave)
    assert browser.get("/members/").status_code == 200
    assert not AuditEntry.objects.exists()
    answer = browser.get("/members/?format=csv&sort=role")
    assert answer["Content-Disposition"] == 'attachment; filename="accounts.csv"'
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.action, entry.subject) == (dave, "file.download", "/members/")
    assert entry.details == {"query": "format=csv&sort=role"}

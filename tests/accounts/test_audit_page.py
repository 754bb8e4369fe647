"""The page of the audit."""

import csv

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from boursomatic.accounts.append_only import triggers_drop, triggers_make
from boursomatic.accounts.audit import audit
from boursomatic.accounts.chain import chain_extend
from boursomatic.accounts.models import AuditEntry
from tests.people import BrowserOf

pytestmark = pytest.mark.db_both


@pytest.fixture
def admin(dave: User, alice: User, browser_of: BrowserOf) -> Client:
    audit(alice, "run.create", "=1+1", kind="candle")
    audit(dave, "member.role", "alice", before="viewer", after="trainer")
    audit(None, "session.refuse", "alice", count=3, address="203.0.113.9")
    chain_extend()
    return browser_of(dave)


def _subjects(client: Client, query: str) -> list[str]:
    answer = client.get(f"/audit/?format=csv&{query}")
    lines = csv.DictReader(answer.getvalue().decode().splitlines())
    return [f"{line['action']} {line['subject']}" for line in lines if line["action"] != "file.download"]


def test_it_shows_who_did_what(admin: Client) -> None:
    page = admin.get("/audit/")
    assert page.status_code == 200
    for text in ("run.create", "member.role", "before: viewer", "after: trainer", "3 events", "203.0.113.9"):
        assert text in page.text


def test_it_is_for_admins(alice: User, browser_of: BrowserOf) -> None:
    assert browser_of(alice).get("/audit/").status_code == 403


def test_it_is_filtered_by_person_action_and_day(admin: Client) -> None:
    refused, role, run = "session.refuse alice", "member.role alice", "run.create '=1+1"
    today = f"{AuditEntry.objects.latest('id').at:%Y-%m-%d}"
    assert _subjects(admin, "") == [refused, role, run]
    assert _subjects(admin, "person=alice") == [refused, run]
    assert _subjects(admin, "person=dave") == [role]
    assert _subjects(admin, "action=run") == [run]
    assert _subjects(admin, f"from={today}&to={today}&action=run.create") == [run]
    assert _subjects(admin, "to=2020-01-01") == []
    assert _subjects(admin, "from=2099-01-01") == []
    for day in ("yesterday", "2026-02-30", "9999-12-31&to=9999-12-31"):
        page = admin.get(f"/audit/?from={day}")
        assert page.status_code == 400 and "Write days as YYYY-MM-DD" in page.text
    assert admin.get("/audit/?person=%00&action=%00").status_code == 200
    assert "No entries like these" in admin.get("/audit/?person=nobody").text


def test_a_spreadsheet_runs_nothing_of_its_csv(admin: Client) -> None:
    text = admin.get("/audit/?format=csv").getvalue().decode()
    assert ",'=1+1," in text and ",=1+1," not in text


def test_it_verifies_the_chain(admin: Client) -> None:
    page = admin.get("/audit/?verify=1")
    assert "All 3 entries are as they were made" in page.text
    assert AuditEntry.objects.get(number=3).hash in page.text
    triggers_drop(connection)
    AuditEntry.objects.filter(number=2).update(subject="bob")
    triggers_make(connection)
    assert "Entry 2 was changed or removed" in admin.get("/audit/?verify=1").text

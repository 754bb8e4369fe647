from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.tokens import token_create
from tests.people import BrowserOf

pytestmark = pytest.mark.db_both

NEW = "a quite different 9"


@pytest.fixture
def _types_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.usefixtures("_types_it")
def test_tokens_end_with_the_password_unless_they_are_to_be_kept(
    alice: User, bob: User, browser_of: BrowserOf, is_kept: bool
) -> None:
    browser, out = browser_of(alice), StringIO()
    for user in (alice, bob):
        token_create(user=user)
    more: dict[str, Any] = {"keep_tokens": True} if is_kept else {}
    call_command("changepassword", "alice", stdout=out, **more)
    alice.refresh_from_db()
    assert alice.check_password(NEW) and browser.get("/account/").status_code == 302
    assert alice.auth_token_set.count() == is_kept and bob.auth_token_set.count() == 1
    assert f"{1 - is_kept} API token{'s' * is_kept} revoked" in out.getvalue()
    assert AuditEntry.objects.get(action="password.change").subject == "alice"


def test_tokens_stay_where_the_password_does(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "short")
    token_create(user=alice)
    with pytest.raises(CommandError, match="Aborting"):
        call_command("changepassword", "alice", stdout=StringIO(), stderr=StringIO())
    assert alice.auth_token_set.count() == 1

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

pytestmark = pytest.mark.db_both


def _run(*words: str) -> str:
    out = StringIO()
    call_command("create_token", *words, stdout=out)
    return out.getvalue()


def test_it_prints_a_token_that_works(alice: User) -> None:
    text = _run("alice").split()[-1]
    answer = APIClient().get("/api/schema", HTTP_AUTHORIZATION=f"Token {text}")
    assert answer.status_code == 200


def test_it_prints_one_json_object(alice: User) -> None:
    answer = json.loads(_run("alice", "--scope", "read", "--scope", "activate", "--days", "7", "--json"))
    assert set(answer) == {"token", "user", "scopes", "expires_at"}
    assert answer["user"] == "alice"
    assert answer["scopes"] == ["read", "activate"]
    assert answer["expires_at"].endswith("Z")
    assert json.loads(_run("alice", "--json"))["scopes"] == ["read", "predict", "train"]


def test_it_names_the_members_when_the_name_is_unknown(alice: User) -> None:
    with pytest.raises(CommandError, match=r"no member 'alcie'\. Members: alice"):
        _run("alcie")


def test_it_makes_no_token_for_an_inactive_member(alice: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="inactive"):
        _run("alice")


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "1_0"), ("--days", "9" * 30), ("--scope", "everything")])
def test_it_refuses_values_out_of_range(alice: User, words: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        _run("alice", *words)

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from boursomatic.accounts.models import ApiToken, AuditEntry
from boursomatic.accounts.roles import Scope
from boursomatic.accounts.tokens import USE_NOTED_EVERY, token_create, token_revoke
from tests.people import ApiOf

pytestmark = pytest.mark.db_both
ADDRESS = "/api/schema"


def _get(header: str) -> tuple[int, str]:
    answer = APIClient(raise_request_exception=False).get(ADDRESS, HTTP_AUTHORIZATION=header)
    return answer.status_code, answer.get("WWW-Authenticate", "")


def test_it_opens_with_a_token_and_notes_its_use(alice: User) -> None:
    token, text = token_create(user=alice)
    assert _get(f"Token {text}") == (200, "")
    token.refresh_from_db()
    noted = token.last_used_at
    assert noted is not None
    _get(f"Token {text}")  # soon after: not noted anew
    token.refresh_from_db()
    assert token.last_used_at == noted
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=noted - USE_NOTED_EVERY)
    _get(f"Token {text}")
    token.refresh_from_db()
    assert token.last_used_at is not None and token.last_used_at > noted
    assert token.scopes == ["read", "predict", "train"]


def test_it_stores_no_token_in_clear(alice: User) -> None:
    token, text = token_create(user=alice)
    assert text not in str(ApiToken.objects.filter(pk=token.pk).values().get())


def test_it_asks_the_anonymous_to_say_who_they_are(db: None) -> None:
    answer = APIClient().get(ADDRESS)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize(
    "header", ["Token", "Token a b", "Token nonsense", "Token é", "Token " + "a" * 5000, "Token \x00"]
)
def test_it_refuses_rubbish_for_a_token(db: None, header: str) -> None:
    assert _get(header)[0] == 401


def test_it_refuses_an_expired_token(alice: User) -> None:
    token, text = token_create(user=alice)
    ApiToken.objects.filter(pk=token.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    assert _get(f"Token {text}")[0] == 401


def test_it_refuses_a_revoked_token(alice: User, dave: User) -> None:
    token, text = token_create(user=alice)
    token_revoke(token=token, by=dave)
    assert _get(f"Token {text}")[0] == 401
    assert list(AuditEntry.objects.values_list("action", "user__username")) == [
        ("token.revoke", "dave"),
        ("token.create", "alice"),
    ]


def test_it_refuses_the_token_of_an_inactive_member(alice: User) -> None:
    _, text = token_create(user=alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert _get(f"Token {text}")[0] == 401


def test_it_does_only_what_the_scopes_allow(alice: User, api: ApiOf) -> None:
    answer = api(alice, [Scope.TRAIN]).get(ADDRESS)
    assert answer.status_code == 403
    assert "lacks the scope read" in answer.json()["detail"]


def test_it_does_only_what_the_owners_role_allows(stranger: User, api: ApiOf) -> None:
    answer = api(stranger).get(ADDRESS)
    assert answer.status_code == 403
    assert "no role" in answer.json()["detail"]

"""The people of the tests: alice trains, bob looks, carol manages, dave is the admin, the stranger has no role."""

from collections.abc import Callable, Iterable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.test import APIClient

from boursomatic.accounts.roles import Role, Scope
from boursomatic.accounts.tokens import token_create

PASSWORD = "wine-dark sea 7"
ApiOf = Callable[..., APIClient]
BrowserOf = Callable[[User], Client]


def make_person(name: str, role: Role | None) -> User:
    """The groups come from a migration, but tests that empty the tables take them along."""
    user = User.objects.create_user(name, password=PASSWORD)
    if role is not None:
        user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return user


@pytest.fixture
def alice(db: None) -> User:
    return make_person("alice", Role.TRAINER)


@pytest.fixture
def bob(db: None) -> User:
    return make_person("bob", Role.VIEWER)


@pytest.fixture
def carol(db: None) -> User:
    return make_person("carol", Role.MANAGER)


@pytest.fixture
def dave(db: None) -> User:
    return make_person("dave", Role.ADMIN)


@pytest.fixture
def stranger(db: None) -> User:
    return make_person("stranger", None)


@pytest.fixture
def api() -> ApiOf:
    """`api(alice)`: a program of alice's with a token of every scope; `api(alice, [Scope.READ])`: of these alone."""

    def of(user: User | None = None, scopes: Iterable[Scope] = tuple(Scope)) -> APIClient:
        client = APIClient(raise_request_exception=False)
        client.default_format = "json"
        if user is not None:
            _, text = token_create(user=user, scopes=scopes)
            client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
        return client

    return of


@pytest.fixture
def browser_of() -> BrowserOf:
    """`browser_of(alice)`: alice logged in, as a browser without JavaScript."""

    def of(user: User) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of

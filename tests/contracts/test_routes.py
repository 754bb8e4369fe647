"""Every route declares who may use it, and is as closed as it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from boursomatic.accounts.permissions import ADMIN, PUBLIC, SIGNED_IN, access_of
from boursomatic.accounts.roles import SCOPES, Role, Scope
from tests.people import BrowserOf


@dataclass(frozen=True)
class Route:
    """One pattern with the view behind it; `address` has something harmless in place of each variable."""

    address: str
    view: Any
    access: str | None


def _routes(resolver: URLResolver, before: str = "/") -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        address = before + _filled(pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, address)
        else:
            yield Route(address, pattern.callback, access_of(pattern.callback))


def _filled(pattern: URLPattern | URLResolver) -> str:
    if not isinstance(pattern.pattern, RoutePattern):  # the admin's regular expressions: its catch-all, its app lists
        return "accounts/" if "app_label" in str(pattern.pattern) else "nothing"
    text = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        value = FILLING.get(type(converter).__name__, "nothing")
        text = text.replace(f"<{name}>", value)
        for kind in ("int", "str", "slug", "path", "uuid"):
            text = text.replace(f"<{kind}:{name}>", value)
    return text


FILLING = {"IntConverter": "1", "UUIDConverter": "00000000-0000-0000-0000-000000000000"}
ROUTES = list(_routes(get_resolver()))
CLOSED = [route for route in ROUTES if route.access != PUBLIC]
LINKS = ("/invitation/nothing/nothing/", "/password/nothing/nothing/")  # open to whoever has one
DJANGO_TEMPLATES, LOCMEM = "django.template.backends.django.DjangoTemplates", "django.template.loaders.locmem.Loader"
REFUSALS = {"403.html": "{{ sentence }}", "accounts/no_role.html": "{{ admins }}"}
FOR_PROGRAMS = ("/api/", "/metrics")  # they are told what is missing, not sent to a login page
METHODS = ("get", "post", "put", "patch", "delete")


def test_it_finds_the_routes() -> None:
    addresses = {route.address for route in ROUTES}
    assert {"/login/", "/backtest/", "/runs/", "/api/training/run-poc", "/api/schema", "/admin/"} <= addresses
    assert len(ROUTES) > 60


def test_it_declares_a_permission_for_every_route() -> None:
    words = {PUBLIC, SIGNED_IN, ADMIN, *Scope.values}
    undeclared = [r.address for r in ROUTES if r.access is None or not set(r.access.split("/")) <= words]
    assert not undeclared, "decorate these views with boursomatic.accounts.permissions"


def test_it_opens_to_everyone_only_what_must_be_open() -> None:
    assert {r.address for r in ROUTES if r.access == PUBLIC} == {
        "/login/",
        "/login/code/",
        "/logout/",
        "/healthz",
        "/readyz",
        *LINKS,
    }


def test_it_lets_no_anonymous_in(db: None, client: Client) -> None:
    """401 from the API, the login page elsewhere, whatever the method; 405 for a method that no one may use."""
    wrong = []
    for route in CLOSED:
        for method in METHODS:
            answer = getattr(client, method)(route.address)
            if route.address.startswith(FOR_PROGRAMS) and route.address != "/api/docs":
                closed = answer.status_code == 401 and answer["WWW-Authenticate"] == "Token"
            else:
                closed = answer.status_code == 302 and answer["Location"].startswith("/login/?next=")
            if not closed and answer.status_code != 405:
                wrong.append((method, route.address, answer.status_code))
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "none")
def test_it_refuses_every_role_what_it_may_not_do(
    db: None, role: Role | None, request: pytest.FixtureRequest, browser_of: BrowserOf, settings: Any
) -> None:
    """The refusal's sentence alone is looked at: its page, drawn once, would take most of the time of thousands."""
    names = {None: "stranger", Role.VIEWER: "bob", Role.TRAINER: "alice", Role.MANAGER: "carol", Role.ADMIN: "dave"}
    browser = browser_of(request.getfixturevalue(names[role]))
    asked, wrong = 0, []
    page = browser.get("/members/")
    assert role is Role.ADMIN or (page.status_code == 403 and "</html>" in page.text)
    settings.TEMPLATES = [{"BACKEND": DJANGO_TEMPLATES, "OPTIONS": {"loaders": [(LOCMEM, REFUSALS)]}}]
    for route in CLOSED:
        for method in METHODS:
            if _may(role, route, method):
                continue
            asked += 1
            answer = getattr(browser, method)(route.address)
            if answer.status_code != 405 and not (answer.status_code == 403 and answer.content):
                wrong.append((method, route.address, answer.status_code))
    assert not wrong
    assert asked or role is Role.ADMIN


def _may(role: Role | None, route: Route, method: str) -> bool:
    assert route.access is not None
    if route.access in (ADMIN, SIGNED_IN):
        return role is Role.ADMIN or route.access == SIGNED_IN
    scopes = route.access.split("/")
    return role is not None and Scope(scopes[0] if method == "get" else scopes[-1]) in SCOPES[role]


@pytest.mark.slow
@pytest.mark.db_both
def test_it_breaks_nowhere_with_an_empty_database(dave: User, browser_of: BrowserOf) -> None:
    """A made-up id or nothing to show: every page and endpoint still answers."""
    browser = browser_of(dave)
    answers = {route.address: browser.get(route.address) for route in ROUTES}
    broken = {address: answer.status_code for address, answer in answers.items() if answer.status_code >= 500}
    assert broken in ({}, {"/readyz": 503})

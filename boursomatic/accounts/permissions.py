"""Who may use which route. Every route declares it here; one that doesn't fails a contract test.

Each decorator or class leaves a mark, `access`, on the view: a scope's name, or one of the words below.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from boursomatic.accounts.models import ApiToken
from boursomatic.accounts.roles import SCOPES, Person, Role, Scope, role_of
from boursomatic.accounts.second_factor import must_set_up

PUBLIC = "public"  # anyone, without a login
SIGNED_IN = "signed-in"  # anyone with an account, whatever the role
ADMIN = "admin"  # the role admin, in the browser

NO_SECOND_FACTOR = "Your account needs a second factor here. Open any page of the site in this browser and set it up."
NO_ROLE = "Your account has no role yet. Ask an admin to make you a viewer, trainer or manager."

View = Callable[..., HttpResponseBase]


class NoRole(PermissionDenied):
    """Refused because the account has no role: its page says what to do, and whom to ask."""


def person_of(request: HttpRequest | Request) -> User:
    """Who is behind a request that passed its permission."""
    assert isinstance(request.user, User)
    return request.user


def refusal(user: Person, scope: Scope, token: ApiToken | None = None) -> str:
    """Why this may not be done, in words for the user; empty when it may."""
    role = role_of(user)
    if role is None:
        return NO_ROLE
    if scope not in SCOPES[role]:
        able = ", ".join(r.value for r in Role if scope in SCOPES[r])
        return f"Your role, {role.value}, may not do this ({scope.label.lower()}). It takes one of: {able}."
    if token is not None and scope.value not in token.scopes:
        has = ", ".join(token.scopes) or "none"
        return f"This token lacks the scope {scope.value} (it has: {has}). Make one with it on your account page."
    return ""


def public(view: View) -> View:
    """For everyone, without a login."""
    view.access = PUBLIC  # type: ignore[attr-defined]  # the mark that the contract test reads
    return view


def signed_in(view: View) -> View:
    """For everyone with an account."""
    return _guarded(view, SIGNED_IN, lambda request: "")


def before_second_factor(view: View) -> View:
    """The same where a second factor that is asked of them is set up: nothing else opens without it."""
    return _guarded(view, SIGNED_IN, lambda request: "", is_before=True)


def page_permission(scope: Scope, *, write: Scope | None = None) -> Callable[[View], View]:
    """For members whose role allows `scope` (`write`, if given, for methods that change something)."""
    return lambda view: _guarded(
        view, _access(scope, write), lambda request: refusal(request.user, _wanted(request.method, scope, write))
    )


def admin_only(view: View) -> View:
    """For the role admin."""
    return _guarded(
        view,
        ADMIN,
        lambda request: "" if role_of(request.user) is Role.ADMIN else "Only admins may use this.",
    )


def api_permission(scope: Scope, *, write: Scope | None = None) -> type[BasePermission]:
    """A DRF permission class: the role and, if a token is used, its scopes must allow it."""

    class Allowed(BasePermission):
        access = _access(scope, write)

        def has_permission(self, request: Request, view: Any) -> bool:
            if not isinstance(request.user, User):
                return False
            token = request.auth if isinstance(request.auth, ApiToken) else None
            if token is None and must_set_up(request.user):
                self.message = NO_SECOND_FACTOR
                return False
            self.message = refusal(request.user, _wanted(request.method, scope, write), token)
            return not self.message

    return Allowed


def access_of(view: Any) -> str | None:
    """What a route's view declares, None when it declares nothing."""
    if hasattr(view, "admin_site") or hasattr(view, "model_admin"):  # Django's admin marks its views so
        return ADMIN
    if hasattr(view, "access"):
        return str(view.access)
    given: dict[str, Any] = getattr(view, "initkwargs", {})  # what as_view() was called with
    classes: Any = given.get("permission_classes", getattr(getattr(view, "cls", None), "permission_classes", ()))
    return next((str(c.access) for c in classes if hasattr(c, "access")), None)


def _guarded(view: View, access: str, refused: Callable[[HttpRequest], str], *, is_before: bool = False) -> View:
    """The view behind the login; what `refused` says, if anything, becomes the 403 page. Who has yet to set up a second
    factor gets no further than to a view that is `is_before` it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _redirect(request, reverse("login"))
        if not is_before and must_set_up(person_of(request)):
            return _redirect(request, reverse("second-factor"))
        if sentence := refused(request):
            raise PermissionDenied(sentence) if role_of(request.user) else NoRole(NO_ROLE)
        return view(request, *args, **kwargs)

    guarded.access = access  # type: ignore[attr-defined]  # the mark that the contract test reads
    return guarded


def _redirect(request: HttpRequest, page: str) -> HttpResponse:
    """To that page, then back; a fragment moves the whole window, or the form would appear inside the page."""
    if request.headers.get("HX-Request"):
        here = getattr(request, "htmx", None)
        return HttpResponseClientRedirect(redirect_to_login((here and here.current_url_abs_path) or "/", page).url)
    return redirect_to_login(request.get_full_path(), page)


def _wanted(method: str | None, scope: Scope, write: Scope | None) -> Scope:
    return write if write and method not in SAFE_METHODS else scope


def _access(scope: Scope, write: Scope | None) -> str:
    return f"{scope.value}/{write.value}" if write else scope.value

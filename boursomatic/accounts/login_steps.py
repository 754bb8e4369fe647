"""Between the two steps of a login the session knows whose password was right; nobody is logged in yet."""

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from boursomatic.accounts.audit import audit
from boursomatic.accounts.client_address import client_address
from boursomatic.accounts.guesses import key_of_name
from boursomatic.accounts.known_browsers import browser_remember

HELD = "login_held"
HELD_S = 600
LOGIN_AT = "login_at"
FRESH_S = 600  # after a login


def login_hold(request: HttpRequest, user: User) -> None:
    """For HELD_S, and until the password changes."""
    request.session.cycle_key()  # whoever planted the session's number is not in this one
    ends = timezone.now().timestamp() + HELD_S
    request.session[HELD] = {
        "pk": user.pk,
        "password": user.get_session_auth_hash(),
        "backend": user.backend,
        "ends": ends,
    }


def login_held(request: HttpRequest) -> User | None:
    """Who has given the password in this session and has yet to give a code."""
    held = request.session.get(HELD)
    if held is None or held["ends"] < timezone.now().timestamp():
        return None
    user = User.objects.filter(pk=held["pk"], is_active=True, second_factor__isnull=False).first()
    if user is None or not constant_time_compare(held["password"], user.get_session_auth_hash()):
        return None
    user.backend = held["backend"]  # where Django's own authenticate leaves it
    return user


def login_complete(request: HttpRequest, user: User, response: HttpResponse) -> HttpResponse:
    """From now on the session is this member's, and the browser known."""
    login(request, user)
    request.session.pop(HELD, None)
    request.session[LOGIN_AT] = timezone.now().timestamp()
    audit(user, "session.start", user.get_username(), address=client_address(request))
    browser_remember(request, response, key_of_name(user.get_username()))
    return response


def has_just_logged_in(request: HttpRequest) -> bool:
    """In this session, so that the password needn't be asked for again."""
    seconds: float = timezone.now().timestamp() - request.session.get(LOGIN_AT, 0)
    return 0 <= seconds < FRESH_S

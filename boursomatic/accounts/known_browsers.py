"""Browsers that have logged in before, by a signed cookie: nobody's wrong guesses elsewhere keep them out.

After OWASP's "device cookies" (Slow Down Online Guessing Attacks with Device Cookies).
"""

from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

COOKIE = "known_browser"
SALT = "boursomatic.accounts.known_browsers"
KEPT_S = 180 * 86_400
MOST_NAMES = 5  # people who share a browser


def browser_number(request: HttpRequest, name_key: str) -> str:
    """The number of a browser in which the account of this key has logged in, else ""."""
    content = _content(request)
    return str(content["number"]) if name_key in content["names"] else ""


def browser_remember(request: HttpRequest, response: HttpResponse, name_key: str) -> None:
    """From now on the browser is known to be this account's, too."""
    content = _content(request)
    names = [name_key, *(name for name in content["names"] if name != name_key)][:MOST_NAMES]
    value = signing.dumps({"number": content["number"] or get_random_string(22), "names": names}, salt=SALT)
    response.set_cookie(
        COOKIE, value, max_age=KEPT_S, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )


def _content(request: HttpRequest) -> dict[str, Any]:
    try:
        content: dict[str, Any] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_S)
    except signing.BadSignature:  # none, expired, or of another secret
        return {"number": "", "names": []}
    return content

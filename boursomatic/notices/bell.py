"""The bell in the frame of every page."""

from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from boursomatic.notices.services import COUNTED, new_count


def bell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template; counted only where it is drawn, which fragments don't do."""
    return {"bell": partial(_text, request.user)} if isinstance(request.user, User) else {}


def _text(user: User) -> str:
    """How many notices are new, empty for none."""
    count = new_count(user)
    return f"{COUNTED}+" if count > COUNTED else str(count or "")

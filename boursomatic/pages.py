"""What every page needs: the shell around it, and page or fragment by who asks."""

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template."""
    return {}

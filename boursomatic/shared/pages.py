"""What every page needs: the shell around it, and page or fragment by who asks."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


@dataclass(frozen=True)
class NavItem:
    """An entry of the sidebar; `route` is a URL name, `path` the beginning of the addresses that belong to it."""

    label: str
    route: str
    icon: str
    path: str


NAV_ITEMS = (
    NavItem("Home", "home", "home", "/"),
    NavItem("Recommendations", "recommendations", "advice", "/recommendations/"),
    NavItem("Backtest", "backtest", "candles", "/backtest/"),
    NavItem("Runs", "runs", "runs", "/runs/"),
    NavItem("Models", "models", "models", "/models/"),
    NavItem("Trials", "trials", "trials", "/trials/"),
    NavItem("Instruments", "instruments", "list", "/instruments/"),
    NavItem("Data", "data", "upload", "/data/"),
    NavItem("Schedules", "schedules", "clock", "/schedules/"),
    NavItem("Workers", "workers", "workers", "/workers/"),
    NavItem("API", "api-docs", "code", "/api/"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: the sidebar's entries and which of them the page belongs to."""
    here = next((item.route for item in reversed(NAV_ITEMS) if request.path.startswith(item.path)), "")
    if here == "home" and request.path != "/":  # every address begins with its path
        here = ""
    return {"nav_items": NAV_ITEMS, "here": here}


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page. Its history restore asks for the whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def render_page(
    request: HttpRequest,
    page_template: str,
    fragment_template: str,
    context: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """One address for page and fragment. `Vary` keeps caches from showing one in place of the other."""
    template = fragment_template if wants_fragment(request) else page_template
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response

"""A dot beside the name of an instrument or a universe with open findings: `{% findings_dot symbol %}`."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from instruments.health.worst import SHOWN, worst_by_symbol, worst_by_universe
from instruments.models import FindingState

register = template.Library()
_KEPT = "_worst_findings"  # with the request: one query a page, asked for by its first name


@register.simple_tag(takes_context=True)
def findings_dot(context: template.Context, symbol: str | None, severity: str | None = None) -> SafeString:
    """`severity`: that of the worst open finding, where the page has it at hand."""
    if severity is None:
        severity = _by_symbol(context).get(symbol or "", "")
    return _dot(severity, f"Open findings about the bars of {symbol}", symbol=symbol)


@register.simple_tag(takes_context=True)
def universe_dot(context: template.Context, name: str | None) -> SafeString:
    severity, count = _by_universe(context).get(name or "", ("", 0))
    many = "1 instrument" if count == 1 else f"{count:,} instruments"
    return _dot(severity, f"Open findings about the bars of {many} of {name}", universe=name)


def _dot(severity: str, text: str, **filters: str | None) -> SafeString:
    if severity not in SHOWN:
        return SafeString("")
    return format_html(
        ' <a class="findings-dot severity-{}" href="{}?{}" title="{}" aria-label="{}">'
        '<span class="severity-dot" aria-hidden="true"></span></a>',
        severity,
        reverse("health"),
        urlencode({**filters, "state": FindingState.OPEN.value}),
        text,
        text,
    )


def _by_symbol(context: template.Context) -> dict[str, str]:
    found: dict[str, str] = _kept(context, "symbols", worst_by_symbol)
    return found


def _by_universe(context: template.Context) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = _kept(context, "universes", lambda: worst_by_universe(_by_symbol(context)))
    return found


def _kept(context: template.Context, name: str, ask: Any) -> Any:
    request = context.get("request")
    kept = request.__dict__.setdefault(_KEPT, {}) if request is not None else {}
    if name not in kept:
        kept[name] = ask()
    return kept[name]

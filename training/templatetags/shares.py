"""Shares and returns in percent, undefined ones as a dash."""

from django import template

register = template.Library()


@register.filter
def percent(value: float | None, digits: int) -> str:
    """0.123 with 1 digit: 12.3."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


@register.filter
def signed(value: float | None, digits: int) -> str:
    """The same with its sign, a true minus."""
    return "–" if value is None else f"{100 * value:+.{digits}f}".replace("-", "−")

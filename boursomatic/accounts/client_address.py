"""Whom a request comes from: the address of the connection, or what a trusted proxy says of it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:  # settings import this module, and django.http reads settings
    from django.http import HttpRequest

Network = IPv4Network | IPv6Network


def networks(texts: list[str]) -> tuple[Network, ...]:
    """Addresses and networks such as `127.0.0.1`, `10.0.0.0/8`. Raises ValueError for what is neither."""
    return tuple(ip_network(text) for text in texts)


def client_address(request: HttpRequest) -> str:
    """The connection's address; where that is a trusted proxy's, the right-most of X-Forwarded-For that is none.

    What stands further left was sent by the client, who can write what he likes. "" where nothing is known, as behind a
    unix socket.
    """
    nearest = _address(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while forwarded and nearest is not None and _is_trusted(nearest):
        further = _address(forwarded.pop())
        if further is None:
            break
        nearest = further
    return str(nearest or "")


def _is_trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

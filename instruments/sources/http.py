"""HTTP to vendors: only to public addresses, only so much and so long, and with errors that say what helps.

A session's adapter resolves a name once, refuses it where any of its addresses is private, and connects to the address
that it looked at; so for every hop of a redirect, and for what yfinance and ccxt ask for through the session.
"""

import contextlib
import email.utils
import json
import logging
import socket
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from instruments.sources.errors import (
    AddressRefused,
    BadAnswer,
    KeyRefused,
    RateLimited,
    SourceDown,
    SourceError,
    UnknownSymbol,
    quoted,
    refusal,
)

CONNECT_S, SILENCE_S, TOTAL_S = 10.0, 20.0, 60.0
LARGEST = 50_000_000  # bytes of an answer, unpacked
_REDIRECTS = 5
_CHUNK = 65_536
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in an IPv6 one

logging.getLogger("urllib3").setLevel(logging.INFO)  # at DEBUG it logs addresses, and keys stand in some


@dataclass(frozen=True)
class Answer:
    """What a vendor sent with status 200."""

    vendor: str
    body: bytes
    content_type: str
    secret: str = ""

    def text(self) -> str:
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> Any:
        """Raises what `no_data` gives where it is none: a quota's text or a captcha's page with status 200."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise self.no_data() from None

    def no_data(self) -> SourceError:
        """The error that says what it says instead of data."""
        return refusal(self.vendor, self.quote())

    def quote(self) -> str:
        """What it says, in quotes; a page of HTML by what can be read of it."""
        start = self.body[:20_000].decode("utf-8-sig", errors="replace")
        said, page = quoted(start, self.secret), start.lstrip().startswith("<")
        return ("a web page: " if page else "") + (f"“{said}”" if said else "nothing")


class Http:
    """`exceptions` are hosts, as name or name:port, that may be private and without TLS: none in production.

    `browser` is what Yahoo is asked through instead of the session that yfinance makes itself. `turn` is called before
    each call and returns when it may be made. `cache` is where libraries keep what they must not ask for again.
    """

    def __init__(
        self,
        exceptions: Collection[str] = (),
        browser: Any = None,
        *,
        turn: Callable[[], None] = lambda: None,
        cache: Path | None = None,
    ) -> None:
        self.browser, self.turn, self.cache = browser, turn, cache
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy would resolve names for us; a .netrc knows nothing of vendors
        self.session.max_redirects = _REDIRECTS
        self.session.headers.update({"User-Agent": "boursomatic", "Accept-Encoding": "gzip"})
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, GuardedAdapter(frozenset(exceptions), turn))

    def get(
        self,
        vendor: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        secret: str = "",
        redirects: bool = False,
    ) -> Answer:
        """The answer of `vendor`. Raises a SourceError, in whose text `secret` never stands.

        A redirect is followed only where it is said: an interface with a key has no reason to send it elsewhere.
        """
        with vendor_errors(vendor):
            response = self.session.get(
                url, params=params, headers=headers, timeout=(CONNECT_S, SILENCE_S), allow_redirects=redirects
            )
        require_success(vendor, response, secret)
        return Answer(vendor, response.content, response.headers.get("Content-Type", ""), secret)


@contextlib.contextmanager
def vendor_errors(vendor: str) -> Iterator[None]:
    """What requests raises as SourceErrors. Their own texts hold the address, and so perhaps the key."""
    try:
        yield
    except SourceError:
        raise
    except requests.exceptions.TooManyRedirects:
        raise BadAnswer(f"{vendor} redirects without end.") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise BadAnswer(f"{vendor}: the address is none.") from None
    except requests.exceptions.SSLError:
        raise SourceDown(f"{vendor}'s certificate can't be trusted, or TLS failed.") from None
    except requests.exceptions.Timeout:
        raise SourceDown(f"{vendor} didn't answer in time.") from None
    except requests.exceptions.ConnectionError as error:
        raise SourceDown(f"{vendor} can't be reached{_why(error)}.") from None
    except requests.exceptions.RequestException:
        raise SourceDown(f"{vendor}'s answer broke off.") from None


def require_success(vendor: str, response: requests.Response, secret: str = "") -> None:
    """Raises the SourceError that a status other than 200 stands for."""
    status, said = response.status_code, quoted(response.content[:20_000].decode(errors="replace"), secret)
    says = f" It says: “{said}”" if said else ""
    if status == 200:
        return
    if status == 429 or (status == 402 and "limit" in said.lower()):
        raise RateLimited(f"{vendor} was asked too often, or its quota is used up.{says}", _retry_after(response))
    if status in (401, 402, 403):
        raise KeyRefused(f"{vendor} refuses the key, or what it covers ({status}).{says}")
    if status == 404:
        raise UnknownSymbol(f"{vendor} has nothing under this name (404).{says}")
    if 300 <= status < 400:
        host = urlsplit(response.headers.get("Location", "")).hostname or "another address"
        raise BadAnswer(f"{vendor} redirects to {host}, which isn't followed.")
    if status >= 500:
        raise SourceDown(f"{vendor} has a fault of its own ({status}).{says}")
    raise BadAnswer(f"{vendor} doesn't take the question ({status}).{says}")


class GuardedAdapter(HTTPAdapter):
    """Connects to public addresses alone, and reads each answer whole before anybody sees it."""

    def __init__(self, exceptions: frozenset[str], turn: Callable[[], None] = lambda: None) -> None:
        self.exceptions, self.turn = exceptions, turn
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        guard = {"exceptions": self.exceptions}
        plain = type("GuardedHTTPConnection", (_Guarded, HTTPConnection), guard)
        tls = type("GuardedHTTPSConnection", (_Guarded, HTTPSConnection), guard)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedHTTPConnectionPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("GuardedHTTPSConnectionPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        if parts.scheme != "https" and not is_exception(parts.hostname or "", parts.port or 80, self.exceptions):
            raise AddressRefused(f"{parts.hostname} must be asked over https.")
        self.turn()
        deadline = time.monotonic() + TOTAL_S
        response = super().send(request, *args, **{**kwargs, "stream": True})
        response._content = _body(response, deadline)  # requests reads lazily, without a limit or an end
        response._content_consumed = True
        return response


class _Guarded:
    """A connection that looks at the address before it connects to it."""

    exceptions: frozenset[str]
    port: int
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = addresses_of(name, self.port, self.exceptions)
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error  # type: ignore[arg-type]  # it is a connection
        try:
            for address in addresses[:-1]:
                self._dns_host = address
                with contextlib.suppress(HTTPError):
                    return super()._new_conn()  # type: ignore[misc, no-any-return]  # of the connection mixed with
            self._dns_host = addresses[-1]
            return super()._new_conn()  # type: ignore[misc, no-any-return]
        finally:
            self._dns_host = name  # whom the certificate must be of


def addresses_of(name: str, port: int, exceptions: Collection[str]) -> list[str]:
    """The addresses of a name, each once. Raises AddressRefused where one of them isn't public, socket.gaierror."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_exception(name, port, exceptions) and not all(map(is_public, addresses)):
        raise AddressRefused(f"{name} is an address inside a network, which sources may not call.")
    return addresses


def is_exception(name: str, port: int, exceptions: Collection[str]) -> bool:
    return name in exceptions or f"{name}:{port}" in exceptions


def is_public(address: str) -> bool:
    """Whether everybody on the internet can reach it, also as the IPv4 address inside an IPv6 one."""
    ip = ip_address(address.split("%", maxsplit=1)[0])
    inner: IPv4Address | IPv6Address | None = None
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
    return ip_is_public(inner) if inner else ip_is_public(ip)


def ip_is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast


def _body(response: requests.Response, deadline: float) -> bytes:
    """The whole body, unpacked. A packed one that ends early is an error, not fewer rows."""
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"{_host(response)} packs its answer as {coding[:20]}, which wasn't asked for.")
    unpacker = None if coding == "identity" else zlib.decompressobj(wbits=47)  # 47: gzip or zlib, by its first bytes
    body = bytearray()
    try:
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            body += unpacker.decompress(chunk, LARGEST + 1 - len(body)) if unpacker else chunk
            if len(body) > LARGEST:
                raise BadAnswer(f"{_host(response)}'s answer is larger than {LARGEST // 1_000_000} MB.")
            if time.monotonic() > deadline:
                raise SourceDown(f"{_host(response)} took longer than {TOTAL_S:.0f} s to answer.")
    except (HTTPError, OSError, zlib.error):
        raise SourceDown(f"{_host(response)}'s answer is damaged or broke off.") from None
    finally:
        response.raw.close()
    if unpacker and body and not unpacker.eof:
        raise SourceDown(f"{_host(response)}'s answer broke off.")
    return bytes(body)


def _host(response: requests.Response) -> str:
    return urlsplit(response.url).hostname or "The source"


def _why(error: Exception) -> str:
    if "NameResolution" in repr(error):
        return ": there is no such name"
    return ": the connection was refused" if "refused" in str(error).lower() else ""


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, or a date, as RFC 9110 §10.2.3 has them."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())

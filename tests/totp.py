"""An authenticator app of the tests' own: TOTP by RFC 6238, from its text and not from the library of the product."""

import base64
import hmac
import struct
import time


def totp(secret: str, at: float | None = None, *, digits: int = 6) -> str:
    """The code of this base32 secret at a Unix time, by default now."""
    step = int(time.time() if at is None else at) // 30
    mac = hmac.digest(base64.b32decode(secret.replace(" ", "")), struct.pack(">Q", step), "sha1")
    start = mac[-1] & 15
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"

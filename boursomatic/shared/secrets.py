"""Secrets that are needed in clear, encrypted where they are stored: keys of vendors, and of second factors.

Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from SECRET_KEY, so that a copy of the database alone opens
nothing. A changed SECRET_KEY opens nothing either: then they are asked for again.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"boursomatic: keys of sources"


class SealBroken(Exception):
    """What was sealed can't be opened: by another SECRET_KEY, or it was changed."""


def seal(secret: str) -> str:
    """Encrypted, with a check of its integrity; "" stays ""."""
    return _fernet().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """As it was before `seal`. Raises SealBroken."""
    try:
        return _fernet().decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken:
        raise SealBroken("The SECRET_KEY that it was stored under has changed.") from None


def _fernet() -> Fernet:
    key = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))

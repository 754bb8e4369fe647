"""Where files of models may lie: a folder or S3, how an s3:// address is written, what is said when a store fails."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SCHEME = "s3://"
_HOW = "Write s3://BUCKET/PREFIX, for other services than AWS with ?endpoint=https://HOST."


class StoreFailed(OSError):
    """A store of files can't be used; the text says why, and what to do."""


class StoreUnreachable(StoreFailed):
    """It is away or too busy, and may be back soon."""


@dataclass(frozen=True)
class S3Address:
    """`endpoint`: "" for AWS. No credentials: those are found where every AWS program finds them."""

    bucket: str
    prefix: str
    endpoint: str

    @classmethod
    def parse(cls, text: str) -> "S3Address":
        """Raises ValueError, in words that don't repeat the address: it may hold a password."""
        url = urlsplit(text)
        options = dict(parse_qsl(url.query, keep_blank_values=True))
        endpoint = options.pop("endpoint", "").rstrip("/")
        if "@" in url.netloc or "@" in urlsplit(endpoint).netloc:
            raise ValueError("has a key or password in it. Take it out and set AWS_ACCESS_KEY_ID and so on.")
        if not url.netloc or options or url.fragment:
            raise ValueError(f"can't be read. {_HOW}")
        if endpoint and (urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc):
            raise ValueError(f"has an endpoint that is no http:// or https:// address. {_HOW}")
        return cls(url.netloc, url.path.strip("/"), endpoint)

    def __str__(self) -> str:
        place = f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")
        return f"{place}?endpoint={self.endpoint}" if self.endpoint else place

    def key(self, path: str) -> str:
        """Of an object, for a path below the prefix."""
        return f"{self.prefix}/{path}" if self.prefix else path


def storage_settings(place: str, home: Path) -> dict[str, Any]:
    """Django's settings of the storage in a folder or at an s3:// address. Raises ValueError: what is wrong with it, as
    the end of a sentence."""
    if not place.startswith(SCHEME):
        location = str(Path(place).expanduser().absolute())
        return {"BACKEND": "training.artifacts.storage.DiskStorage", "OPTIONS": {"location": location}}
    S3Address.parse(place)
    if find_spec("boto3") is None:
        raise ValueError(
            "is an s3:// address, for which boto3 is missing. Install it: python3 scripts/setup.py s3 true."
        )
    options = {"address": place, "cache": str(home / "artifact_cache")}
    return {"BACKEND": "training.artifacts.s3.S3Storage", "OPTIONS": options}

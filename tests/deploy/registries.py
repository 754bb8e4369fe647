"""How this host reaches Debian, PyPI and npm, read from its own configuration, for roots that know nothing of it."""

import os
import shutil
import subprocess
from pathlib import Path

from scripts.setup import pip_index

MIRROR = "http://deb.debian.org/debian"
SHARED = "/run/host"  # in the root: what it borrows from the host while packages are installed
BUNDLE = f"{SHARED}/certificates.pem"
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def borrowed() -> dict[Path, str]:
    """Files and folders of the host -> where the root finds them. uv's cache spares a download of all packages."""
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    cache = Path(os.environ.get("UV_CACHE_DIR", Path.home() / ".cache/uv"))
    cache.mkdir(parents=True, exist_ok=True)
    return {bundle: BUNDLE, cache: f"{SHARED}/uv", Path("/etc/resolv.conf"): "/etc/resolv.conf"}


def environment() -> dict[str, str]:
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    index = {"PIP_INDEX_URL": url} if (url := pip_index()) else {}
    return {**proxies, **index, **_npm(), **dict.fromkeys(CERTIFICATES, BUNDLE), "UV_CACHE_DIR": f"{SHARED}/uv"}


def apt_settings() -> str:
    """Proxies and checks, as a file of apt."""
    return _output("apt-config", "dump", "Acquire")


def mirror(suite: str) -> str:
    """The one that this host takes `suite` from, if it is a Debian."""
    known = _output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages")
    return next((uri for uri, _, name in (line.partition(" ") for line in known.splitlines()) if name == suite), MIRROR)


def _npm() -> dict[str, str]:
    if shutil.which("npm") is None:
        return {}
    return {"NPM_CONFIG_REGISTRY": _output("npm", "config", "get", "registry").strip()}


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

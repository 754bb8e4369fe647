"""The fixture of a vendor on loopback."""

from collections.abc import Iterator

import pytest

from tests.instruments.sources.vendor import Vendor, vendor


@pytest.fixture
def shop() -> Iterator[Vendor]:
    with vendor() as told:
        yield told

from collections.abc import Iterator
from typing import Any

import pytest

from tests.notices.smtp import MailServer, mail_server


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """The mail server of the site."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server

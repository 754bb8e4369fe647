"""A clock that stands, the host's and the database's: what is counted and delayed must not wait for a slow machine."""

from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from time_machine import Traveller

STANDING = """
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.now()';
SET LOCAL search_path = public, pg_catalog;
"""  # a test is one transaction, whose now() stands; both are gone with it


@pytest.fixture
def clock(db: None) -> Iterator[Traveller]:
    """`clock.shift` moves the host's alone; on PostgreSQL guesses are counted by the database's."""
    with time_machine.travel(timezone.now(), tick=False) as host:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(STANDING)
        yield host

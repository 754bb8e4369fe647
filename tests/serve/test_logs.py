"""How processes speak, by processes of their own: what is logged comes out on their standard error."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from boursomatic.env import ROOT
from boursomatic.shared.logs import without_secrets
from tests.people import ApiOf, BrowserOf

START = """
import logging, os, threading, warnings
from structlog.contextvars import bound_contextvars
from boursomatic.shared import logs
logs.configure({style!r})
log = logging.getLogger("boursomatic.test")
"""
FORGED = "spy\r\n2026-11-30 10:00:00,000 INFO boursomatic.access: all is well\u2028\x85\x1b[2J"


def spoken(style: str, code: str) -> list[str]:
    command = [sys.executable, "-c", START.format(style=style) + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.stderr.removesuffix("\n").split("\n")


def objects(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in spoken("json", code)]


def test_a_line_is_one_object_with_the_ids() -> None:
    (line,) = objects("with bound_contextvars(run_id='r1', attempt=2): log.info('at %d', 7, extra={'status': 9})")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "at 7", "level": "info", "logger": "boursomatic.test", "run_id": "r1", "attempt": 2, "status": 9,
    }  # fmt: skip


def test_what_is_forked_speaks_likewise() -> None:
    code = "with bound_contextvars(run_id='r1'):\n  if os.fork() == 0: log.info('child'); os._exit(0)\nos.wait()"
    (line,) = objects(code)
    assert (line["event"], line["run_id"]) == ("child", "r1")


def test_whatever_python_says_by_itself_is_an_object_too() -> None:
    code = (
        "def crash(): raise ValueError('one\\ntwo')\n"
        "thread = threading.Thread(target=crash); thread.start(); thread.join()\n"
        "warnings.warn('old')\nlogging.getLogger('django.request').error('500', extra={'request': 'GET /?key=k'})\n"
        "crash()"
    )
    in_thread, warned, of_django, last = objects(code)
    assert in_thread["exception"].startswith("Traceback") and "one\ntwo" in in_thread["exception"]
    assert (warned["logger"], of_django["logger"], last["level"]) == ("py.warnings", "django.request", "critical")
    assert "key=k" not in str(of_django)


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_value_makes_a_line_of_its_own(style: str) -> None:
    code = f"with bound_contextvars(user={FORGED!r}): log.info('of %s', {FORGED!r}); log.info('next')"
    lines = spoken(style, code)
    assert all(line.isprintable() for line in lines)
    if style == "json":
        assert [json.loads(line)["event"] for line in lines] == [f"of {FORGED}", "next"]
    else:
        assert [line for line in lines if line.startswith("2026-11-30 10:00")] == []
        assert [line.startswith("    ") for line in lines] == [False, True, True, False, True]


def test_a_person_reads_a_line_with_its_ids() -> None:
    first, *trace = spoken(
        "text", "with bound_contextvars(run_id='r1'):\n try: 1/0\n except Exception: log.exception('no')"
    )
    assert first.endswith(" ERROR boursomatic.test: no [run_id=r1]")
    assert trace[0] == "    Traceback (most recent call last):" and "ZeroDivisionError" in trace[-1]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("could not connect to postgres://me:p@s:s@db:5432/x", "could not connect to postgres://me:***@db:5432/x"),
        ("dsn host=db password='a b' user=me", "dsn host=db password=*** user=me"),
        ("{'EMAIL_HOST_PASSWORD': 'abc', 'n': 1}", "{'EMAIL_HOST_PASSWORD': ***, 'n': 1}"),
        ("Authorization: Token 0123456789", "Authorization: ***"),
        ("Cookie: sessionid=abc; csrftoken=def", "Cookie: ***"),
        ("sent Token 0123456789abcdef0123456789", "sent Token ***"),
        ("GET /account/password/Mg/c8x-0a1b/ 200", "GET /account/password/Mg/***/ 200"),
        ("GET /x?api_key=abc&symbol=SPY", "GET /x?api_key=***&symbol=SPY"),
        ("This password is too short, a token is missing.", "This password is too short, a token is missing."),
    ],
)
def test_secrets_are_hidden(text: str, hidden: str) -> None:
    assert without_secrets(text) == hidden


def test_an_exceptions_secrets_are_hidden_too() -> None:
    (line,) = objects("try: raise OSError('postgres://me:hidden1@db/x')\nexcept OSError: log.exception('no')")
    assert "hidden1" not in str(line) and "postgres://me:***@db/x" in line["exception"]


@pytest.mark.django_db
class TestRequests:
    @pytest.mark.parametrize(
        ("given", "is_taken"),
        [
            ("abc-1.2_X", True),
            ("a" * 64, True),
            ("a" * 65, False),
            ("a b", False),
            ("a\nb", False),
            ("é", False),
            ("", False),
        ],
    )
    def test_a_harmless_id_is_taken_and_answered(self, client: Client, given: str, is_taken: bool) -> None:
        answered = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
        assert (answered == given) == is_taken and answered

    def test_each_has_an_access_line(
        self, caplog: pytest.LogCaptureFixture, client: Client, alice: User, browser_of: BrowserOf, api: ApiOf
    ) -> None:
        client.get("/x%0Ay?token=hidden1")
        browser_of(alice).get("/runs/")
        api(alice).get("/api/training/runs")
        lines = [vars(record) for record in caplog.records if record.name == "boursomatic.access"]
        assert [(line["method"], line["path"], line["status"], line.get("user")) for line in lines] == [
            ("GET", "/x%0Ay", 404, None), ("GET", "/runs/", 200, "alice"), ("GET", "/api/training/runs", 200, "alice"),
        ]  # fmt: skip
        assert all(line["duration_ms"] >= 0 for line in lines) and "hidden1" not in caplog.text

    def test_the_log_asks_nothing_of_the_database(
        self, alice: User, browser_of: BrowserOf, django_assert_num_queries: Any
    ) -> None:
        person = browser_of(alice)
        with django_assert_num_queries(0):
            person.get("/healthz")

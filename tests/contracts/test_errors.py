"""Whatever goes wrong: plain words, JSON under /api/, never a traceback."""

import io
import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework.exceptions import ParseError

from boursomatic import errors
from boursomatic.shared.rest import StrictJSONParser, TooLarge
from tests.people import ApiOf, BrowserOf

pytestmark = pytest.mark.db_both


def test_it_answers_an_unknown_address(db: None, client: Client) -> None:
    page = client.get("/nowhere/")
    assert page.status_code == 404 and "There is nothing at this address" in page.text
    answer = client.get("/api/nowhere")
    assert answer.status_code == 404 and "/api/docs" in answer.json()["detail"]


def test_it_refuses_a_foreign_host_in_plain_words(db: None, client: Client) -> None:
    page = client.get("/login/", headers={"Host": "evil.example"})
    assert page.status_code == 400
    assert "be understood" in page.text and "Traceback" not in page.text


def test_it_says_why_a_form_without_its_token_is_refused(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    browser.handler.enforce_csrf_checks = True
    page = browser.post("/account/tokens/", {"name": "x", "scopes": ["read"], "days": "1"})
    assert page.status_code == 403
    assert "reload" in page.text


@pytest.mark.parametrize("path", ["/api/models", "/runs/"])
def test_it_answers_a_fault_without_the_database(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", broken)
    answer = errors.server_error(RequestFactory().get(path))
    assert answer.status_code == 500
    assert "gone" not in answer.text
    assert (answer["Content-Type"] == "application/json") == path.startswith("/api/")


def test_it_answers_a_fault_under_api_as_json(
    alice: User, api: ApiOf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("secret inner words")

    monkeypatch.setattr("training.queue.leases.reclaim_expired", broken)
    answer = api(alice).get("/api/training/poc-runs")
    assert answer.status_code == 500
    assert list(answer.json()) == ["detail"] and "secret" not in answer.text


def test_it_answers_a_bad_request_under_api_as_json() -> None:
    request: HttpRequest = RequestFactory().get("/api/models")
    assert b"detail" in errors.bad_request(request, SuspiciousOperation("x")).content


def test_it_refuses_a_body_before_reading_all_of_it() -> None:
    body = io.BytesIO(b" " * (2 * StrictJSONParser.max_bytes))
    with pytest.raises(TooLarge):
        StrictJSONParser().parse(body)
    assert body.tell() == StrictJSONParser.max_bytes + 1


def test_it_takes_json_as_deep_as_allowed() -> None:
    depth = StrictJSONParser.max_depth
    assert StrictJSONParser().parse(io.BytesIO(b"[" * depth + b"]" * depth))
    with pytest.raises(Exception, match="deeper than"):
        StrictJSONParser().parse(io.BytesIO(b"[" * (depth + 1) + b"]" * (depth + 1)))


@pytest.mark.parametrize("text", ["\\u0000", "\\ud83d", "\\ude00", "\\ude00\\ud83d"])
def test_it_refuses_texts_that_no_database_stores_wherever_they_stand(text: str) -> None:
    deepest = StrictJSONParser.max_depth
    for body in (f'"{text}"', f'["{text}"]', f'{{"{text}": 1}}', "[" * deepest + f'"a{text}b"' + "]" * deepest):
        with pytest.raises(ParseError, match="no character"):
            StrictJSONParser().parse(io.BytesIO(body.encode()))


def test_it_takes_texts_that_a_database_stores() -> None:
    body = '["\\ud83d\\ude00", "\\u00e9", "\\\\u0000", "\u00e9\U0001f600"]'.encode()
    assert StrictJSONParser().parse(io.BytesIO(body)) == ["\U0001f600", "\u00e9", "\\u0000", "\u00e9\U0001f600"]


def test_it_reads_a_text_in_as_many_steps_whatever_its_length() -> None:
    """Bars come in bodies of 20 MB: what looks at each character in Python takes minutes."""

    class LargeParser(StrictJSONParser):
        max_bytes = 1_000_000

    def steps(length: int) -> int:
        body = json.dumps(["\u00e9" + "x" * length]).encode()
        taken = 0

        def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            nonlocal taken
            frame.f_trace_opcodes = True
            taken += event == "opcode"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            LargeParser().parse(io.BytesIO(body))
        finally:
            sys.settrace(before)
        return taken

    assert steps(100_000) == steps(10) > 0

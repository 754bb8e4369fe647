"""The schema is valid, complete, and its ranges are those of the spec."""

import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from jsonschema import Draft202012Validator, FormatChecker

from boursomatic.shared.openapi import day_of
from tests.contracts.documented import api_schema, operations
from tests.people import ApiOf, BrowserOf
from training.quant.candle.spec import RANGES

pytestmark = pytest.mark.db_both


def test_it_is_valid_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_it_is_served_to_members(bob: User, api: ApiOf) -> None:
    answer = api(bob).get("/api/schema")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    assert "/api/training/run-poc" in answer.json()["paths"]


def test_it_has_the_ranges_of_the_spec(bob: User, api: ApiOf) -> None:
    parts = api(bob).get("/api/schema").json()["components"]["schemas"]
    for name, wanted in RANGES.items():
        said = parts["Params" if wanted.in_params else "CandleRequest"]["properties"][name]
        assert (said["minimum"], said["maximum"], said["default"]) == (wanted.low, wanted.high, wanted.default)


def test_its_page_has_no_inline_script(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    page = browser.get("/api/docs")
    assert page.status_code == 200
    assert "<style" not in page.text and "<script>" not in page.text
    script = browser.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript") and "/api/schema" in script.text


CANDLE = {"candle_date": "2019-06-04T00:00:00Z"}
AT = CANDLE["candle_date"]
RUN_POC, STUDIES, SWEEPS = "/api/training/run-poc", "/api/training/studies", "/api/training/sweeps"
ENSEMBLES, RUNS = "/api/training/ensembles", "/api/training/runs"
REFRESH, SOURCES, ADVISE = "/api/data/refresh", "/api/data/sources", "/api/recommendations/runs"
SPRING = {"from": "2019-01-01", "to": "2019-06-01"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (RUN_POC, {**CANDLE, "feature_set": "poc16", "features": ["shape"]}),
        (RUN_POC, {**CANDLE, "features": []}),
        (RUN_POC, {**CANDLE, "after": "retrain"}),
        (RUN_POC, {**CANDLE, "after": "retrain", "windows": 1}),
        (STUDIES, {**CANDLE, "protocol": "steady"}),
        (STUDIES, {**CANDLE, "model": "logistic"}),
        (STUDIES, {**CANDLE, "params": {"rounds": 5}}),
        (STUDIES, {**CANDLE, "space": {}}),
        (SWEEPS, {}),
        (SWEEPS, {"candles": [AT], "every": 5}),
        (SWEEPS, {"from": "2019-06-04", "candles": [AT]}),
        (SWEEPS, {"candles": [AT], "params": [{}], "test_windows": [20]}),
        (SWEEPS, {"candles": [AT], "train_years": [1, 1]}),
        (SWEEPS, {"candles": [AT], "feature_set": "shape+magic"}),
        (ENSEMBLES, {}),
        (ENSEMBLES, {"run_ids": ["a", "a"]}),
        (ENSEMBLES, {"run_ids": ["a", "b"], "sweep_id": "c"}),
        (ENSEMBLES, {"run_ids": ["a", "b"], "train_years": 1}),
        (RUNS, {"recipe": "phase22", "score": "trees"}),
        (RUNS, {"walk_forward": {}, "refit": False}),
        (RUNS, {"universe": "no name"}),
        (ADVISE, {"as_of": "2019-06-04", "replay": SPRING}),
        (ADVISE, {"in_sample": True, "replay": SPRING}),
        (ADVISE, {"version": ""}),
        (REFRESH, {"symbols": ["SPY"]}),
        (REFRESH, {"symbols": []}),
        (REFRESH, {"first": "2019-01-01"}),
        (REFRESH, {"source": "a", "last": "2019-01-01", "symbols": ["SPY"]}),
        (SOURCES, {"name": "a", "kind": "yahoo", "key": "secret"}),
        (SOURCES, {"name": "a", "kind": "tiingo"}),
        (SOURCES, {"name": "a", "kind": "exchange", "options": {"magic": "1"}}),
    ],
)
def test_a_body_that_can_not_be_is_none_to_the_schema_either(
    carol: User, api: ApiOf, path: str, body: dict[str, Any]
) -> None:
    assert not _fits(operations()["POST", path]["requestBody"]["content"]["application/json"]["schema"], body)
    assert api(carol).post(path, body).status_code == 400


@pytest.mark.parametrize(
    ("path", "query", "is_taken"),
    [
        (RUNS, "auc_min=2", False),
        (RUNS, "auc_min=5e-0", False),
        (RUNS, "auc_min=1e-4", True),
        (RUNS, "auc_min=", True),
        (RUNS, "kind=square", False),
        (RUNS, "kind=sweep", True),
        (RUNS, "candle_from=2019-02-29", False),
        (RUNS, "candle_from=2020-02-29", True),
        (RUNS, "text=" + "a" * 101, False),
        ("/api/models", "active=perhaps", False),
        ("/api/models", "active=", True),
        ("/api/data/health", "severity=awful", False),
        ("/api/data/health", "severity=", True),
        ("/api/models/history", "on=", False),
        ("/api/models/history", "on=2019-06-04", True),
    ],
)
def test_a_query_is_to_the_schema_what_it_is_to_the_api(
    carol: User, api: ApiOf, path: str, query: str, is_taken: bool
) -> None:
    name, _, value = query.partition("=")
    parameters = {each["name"]: each["schema"] for each in operations()["GET", path]["parameters"]}
    assert _fits(parameters[name], value) is is_taken
    assert api(carol).get(path, {name: value}).status_code == (200 if is_taken else 400)


def test_days_in_patterns_are_those_of_the_calendar() -> None:
    pattern = re.compile(day_of("19|2[01]"))
    first, days = date(1900, 1, 1), (date(2200, 1, 1) - date(1900, 1, 1)).days
    real = {(first + timedelta(days=number)).isoformat() for number in range(days)}
    written = {f"{y}-{m:02}-{d:02}" for y in range(1899, 2202) for m in range(14) for d in range(33)}
    assert {text for text in written if pattern.fullmatch(text)} == real


def _fits(schema: dict[str, Any], value: Any) -> bool:
    validator = Draft202012Validator(
        {"components": api_schema()["components"], **schema}, format_checker=FormatChecker()
    )
    return bool(validator.is_valid(value))

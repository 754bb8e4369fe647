"""How every process speaks: one JSON object a line in production, lines for a person elsewhere; both with the ids of
the request or run that a line is about, and both without secrets."""

import json
import logging
import re
import sys
import threading
from logging.config import dictConfig
from types import TracebackType
from typing import Any

from structlog.contextvars import merge_contextvars
from structlog.processors import TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, WrappedLogger

from boursomatic.env import Env

IDS = ("request_id", "run_id", "kind", "attempt", "user", "worker")
# What a line may say by `extra`. Libraries put whole requests there, with their query strings.
FIELDS = (*IDS, "method", "path", "status", "duration_ms", "exception")

# Nothing of ours writes them; texts of libraries and of errors may. Each alternative has one group: what stays.
_SECRET = re.compile(
    r"(://[^\s:/@]*:)\S{1,200}(?=@)"  # the password of a DSN; bounded, or long lines would take long
    r"|(/(?:invitation|password)/[^/\s]+/)[^/\s\"']+"  # links that open an account
    r"|((?:authorization|cookie)['\"]?\s*[:=]\s*)[^\n]+"
    r"|(\b(?:bearer|token)\s+)[\w.~+/=-]{20,}"
    r"|((?:password|passwd|secret|token|api_?key|sessionid)\w{0,12}(?:\s?=\s?|['\"]\s*[:=]\s*))"
    r"(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s&,;'\"]+)",
    re.IGNORECASE,
)


def log_format(env: Env) -> str:
    default = "json" if env.text("BOURSOMATIC_ENV") == "production" else "text"
    return env.choice("BOURSOMATIC_LOG_FORMAT", ("json", "text"), default)


def configure(style: str) -> None:
    """Of this process and all that it forks, whoever logs."""
    processors = _JSON if style == "json" else _TEXT
    formatter = {"()": ProcessorFormatter, "processors": processors, "foreign_pre_chain": _EVERY_LINE}
    handlers: dict[str, Any] = {
        "log": {"class": "logging.StreamHandler", "formatter": "line"},  # to stderr
        "told": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
    }
    loggers: dict[str, Any] = {
        "boursomatic": {"level": "INFO"},
        "boursomatic.launcher": {"handlers": ["told"], "propagate": False},
        "django.request": {"level": "ERROR"},
    }
    if style == "text":  # the launcher, and who can't start, talk to a person
        del handlers["told"]["formatter"]
        handlers["refused"] = {"class": "logging.StreamHandler"}
        loggers["boursomatic.refusal"] = {"handlers": ["refused"], "propagate": False}
    else:  # what Python would print by itself, on many lines
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_crash
        threading.excepthook = lambda crash: _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": handlers,
            "root": {"handlers": ["log"], "level": "WARNING"},
            "loggers": loggers,
        }
    )


def without_secrets(text: str) -> str:
    return _SECRET.sub(lambda found: f"{found[found.lastindex or 0]}***", text)


def _log_crash(kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        crash = (kind, problem, trace) if problem else None
        logging.getLogger("boursomatic").critical("The process ends: %s", kind.__name__, exc_info=crash)


def _hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in ("event", "path", "exception"):
        if name in event:
            event[name] = without_secrets(str(event[name]))
    return event


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """In ASCII: no character of a value ends a line for any reader."""
    return json.dumps({name: value for name, value in event.items() if not name.startswith("_")}, default=str)


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Whatever else is said on further lines is indented, so that no value can pass for a line of its own."""
    record: logging.LogRecord = event["_record"]
    ids = " ".join(f"{name}={event[name]}" for name in IDS if name in event)
    said = f"{event['event']} [{ids}]" if ids else event["event"]
    text = f"{_CLOCK.formatTime(record)} {record.levelname} {record.name}: {said}"
    if event.get("exception"):
        text += f"\n{event['exception']}"
    return "\n    ".join(line if line.isprintable() else _escaped(line) for line in text.split("\n"))


def _escaped(line: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


_CLOCK = logging.Formatter()
_EVERY_LINE = [
    TimeStamper(fmt="iso", utc=True),
    add_log_level,
    add_logger_name,
    merge_contextvars,
    ExtraAdder(FIELDS),
    format_exc_info,
    _hide_secrets,
]
_JSON, _TEXT = [_as_json], [_as_text]

"""What the answers about runs and models of every kind begin with, and how a spec's settings are described."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import msgspec

from boursomatic.shared.records import Body, Meta, Moment, Record, Share, about, choice
from training.models import Status
from training.quant.candle.spec import Range


class RunHead(Record, tag_field="kind"):
    """A run of any kind: whose it is, what is said of it, how far it is."""

    run_id: str
    timestamp: Annotated[str, about("The UTC second it was asked for, as 20231215_143022")]
    name: str
    notes: str
    tags: list[str]
    pinned: Annotated[bool, about("Kept by retention and by bulk deletion")]
    status: Annotated[str, choice(Status.values)]
    progress: Share
    stage: str
    message: str
    error: Annotated[str | None, about("Why it failed, in a sentence")]
    error_reason: Annotated[str | None, about("Why it failed, in a word")]
    attempt: Annotated[int, about("How many workers have taken it")]
    created_by: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    pid: Annotated[int | None, about("Of the worker, while it runs")]
    params_hash: Annotated[str, about("SHA-256 of what makes a configuration")]


class ModelHead(Record, tag_field="kind"):
    """A trained model of any kind."""

    version: str
    run_id: str
    trained_at: Moment
    params_hash: str
    data_hash: str
    model_hash: str
    is_active: bool
    activated_at: Moment | None
    activated_by: str | None
    artifact_paths: Annotated[dict[str, str], about("Below the run's folder")]


class GateCheck(Record):
    """A check before a model may be active."""

    check: str
    passed: bool
    value: str | float | None
    needed: str


def bounded(setting: Range) -> Any:
    """The type of a number that a person may choose, with its bounds, unit and meaning."""
    low, high = (int(setting.low), int(setting.high)) if setting.whole else (setting.low, setting.high)
    return Annotated[int if setting.whole else float, Meta(ge=low, le=high, description=_meaning(setting))]


def request_record(
    name: str, ranges: Iterable[Range], rules: Mapping[str, Any] | None = None, **more: tuple[Any, ...]
) -> type[msgspec.Struct]:
    """A request's numbers, each with its default, and `more` fields: a type, and a default unless it is required.
    `rules` as a Body's."""
    numbers = [(r.name, bounded(r), int(r.default) if r.whole else r.default) for r in ranges]
    rest = [(field, *of) for field, of in more.items()]
    namespace = {"rules": {**(rules or {})}}
    return msgspec.defstruct(name, [*rest, *numbers], bases=(Body,), kw_only=True, module=__name__, namespace=namespace)


def config_record(
    name: str, spec: type, ranges: Mapping[str, Range], *, without: Iterable[str] = (), **more: Any
) -> type[msgspec.Struct]:
    """A spec as answers show it: its fields but those `without`, then `more`: a type, and a default where it may be
    absent."""
    hints = get_type_hints(spec)
    own = {field.name: hints[field.name] for field in fields(spec) if field.name not in without}
    described = {field: Annotated[own[field], about(_meaning(ranges[field]))] for field in own if field in ranges}
    rest = [(field, *of) if isinstance(of, tuple) else (field, of) for field, of in more.items()]
    return msgspec.defstruct(name, [*(own | described).items(), *rest], bases=(Record,), kw_only=True, module=__name__)


def _meaning(setting: Range) -> str:
    return f"{setting.label}, in {setting.unit}" if setting.unit else setting.label

"""Sources of bars: made, changed, tried. Their keys are written here and never read back to anybody."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from os import environ
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Person
from boursomatic.env import ROOT
from boursomatic.shared.secrets import SealBroken, seal, unseal
from instruments.imports.schema import Trial
from instruments.imports.trial import TrialQuery
from instruments.models import PriceBar, Source
from instruments.quant.ingest.checks import SYMBOL
from instruments.sources.base import Key, SourceKind
from instruments.sources.registry import KINDS

TRY_S = 45.0  # within the time that a request may take
WINDOW = timedelta(days=45)  # of bars that a trial asks for
_COMPARED = 60  # stored bars
_LONGEST_KEY = 500
_MOST_SYMBOLS = 10_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_TURNS = threading.BoundedSemaphore(2)  # trials of one web process: each waits in one of its threads

KEY_LOST = "Its key can't be read any more: SECRET_KEY has changed since it was entered. Enter the key again."


class SourceRefused(Exception):
    """A source that can't be so: what is wrong, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(problems.values()))


def kind_of(source: Source) -> SourceKind | None:
    """None where a kind is no longer there."""
    return KINDS.get(source.kind)


def prices_of(source: Source) -> str:
    """What its prices are adjusted for: as its kind says, or its option; "" of a kind that is no longer there."""
    kind = kind_of(source)
    return (kind.prices or source.options["prices"]) if kind else ""


def kinds_offered() -> list[SourceKind]:
    """Those whose packages are installed."""
    return [kind for kind in KINDS.values() if kind.is_installed]


def source_create(*, user: Person, name: str, kind: str, options: Mapping[str, Any], key: str = "") -> Source:
    """Raises SourceRefused."""
    described = KINDS.get(kind)
    if described is None or not described.is_installed:
        raise SourceRefused({"kind": f"Must be one of: {', '.join(kind.name for kind in kinds_offered())}."})
    if not _NAME.fullmatch(name):
        raise SourceRefused({"name": "Must be up to 40 letters, digits, - and _."})
    source = Source(name=name, kind=kind, options=_options(described, options), sealed_key=seal(key))
    problems = _key_problems(described, key)
    if described.key is Key.NEEDED and not key:
        problems["key"] = f"Needed: {described.key_label.lower()}."
    if problems:
        raise SourceRefused(problems)
    try:
        with transaction.atomic():
            source.save()
            audit(user, "source.create", name, kind=kind, options=source.options, key=bool(key))
    except IntegrityError:
        raise SourceRefused({"name": f"There is a source {name} already."}) from None
    return source


def source_change(
    *,
    source: Source,
    user: Person,
    options: Mapping[str, Any] | None = None,
    key: str | None = None,
    enabled: bool | None = None,
    symbols: Mapping[str, Any] | None = None,
) -> Source:
    """What isn't None; a key of "" is taken away, `symbols` replace those that it has. Raises SourceRefused.

    Who changes where the key goes must enter it: else a key could be read by sending it to oneself.
    """
    described = KINDS[source.kind]
    before = dict(source.options)
    if options is not None:
        source.options = _options(described, {**before, **options})
    problems = _key_problems(described, key or "")
    moved = [option for option in described.options if option.sends_key and _changed(option.name, before, source)]
    if moved and source.sealed_key and key is None:
        problems["key"] = f"Enter the key again: {moved[0].label.lower()} has changed, and the key goes there."
    if described.key is Key.NEEDED and key == "":
        problems["key"] = f"Needed: {described.key_label.lower()}."
    problems |= _symbol_problems(symbols or {})
    if problems:
        raise SourceRefused(problems)
    source.symbols = source.symbols if symbols is None else dict(symbols)
    source.sealed_key = source.sealed_key if key is None else seal(key)
    source.enabled = source.enabled if enabled is None else enabled
    with transaction.atomic():
        source.save()
        changed = {"options": source.options, "key": key is not None, "enabled": source.enabled}
        audit(user, "source.change", source.name, **changed, symbols=len(source.symbols))
    return source


def symbol_lines(symbols: Mapping[str, str]) -> list[str]:
    """As people write them: ours, or ours = the source's."""
    return [ours if ours == theirs else f"{ours} = {theirs}" for ours, theirs in sorted(symbols.items())]


def parse_symbol_lines(text: str) -> dict[str, str]:
    """Back from lines; whether they can be symbols is `source_change`'s question."""
    lines = [line.partition(" = ") for line in text.splitlines() if line.strip()]
    return {ours.strip(): (theirs or ours).strip() for ours, _, theirs in lines}


def source_delete(*, source: Source, user: Person) -> None:
    """The source and its key; bars that it gave stay."""
    with transaction.atomic():
        audit(user, "source.delete", source.name, kind=source.kind)
        source.delete()


def key_is_lost(source: Source) -> bool:
    """Whether its key was stored under another SECRET_KEY."""
    try:
        unseal(source.sealed_key)
    except SealBroken:
        return True
    return False


def source_try(*, source: Source, symbol: str, timeframe: str = "1d") -> Trial:
    """The newest five bars that a source gives now, or the first thing that goes wrong, in words. Stores nothing."""
    kind, empty = kind_of(source), Trial(symbol, timeframe)
    if kind is None or not kind.is_installed:
        return _failed(empty, f"This server has no source of kind {source.kind}: its package isn't installed.")
    if not SYMBOL.fullmatch(symbol):
        return _failed(empty, "Name an instrument: up to 32 letters, digits and . ^ = - _ /.")
    if timeframe not in kind.timeframes:
        return _failed(empty, f"{kind.label} has no bars of {timeframe}, but of {', '.join(kind.timeframes)}.")
    try:
        query = _query(source, symbol, timeframe)
    except SealBroken:
        return _failed(empty, KEY_LOST)
    if not _TURNS.acquire(blocking=False):
        return _failed(empty, "Other sources are being tried. Try again in a moment.")
    try:
        return _run(query, empty)
    finally:
        _TURNS.release()


def _run(query: TrialQuery, empty: Trial) -> Trial:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "instruments.imports.trial"],
            input=msgspec.json.encode(query),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environ | {"OPENBLAS_NUM_THREADS": "1"},  # threads would take address space
            timeout=TRY_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(empty, f"It took longer than {TRY_S:.0f} s.")
    if done.returncode != 0:
        return _failed(empty, "Trying it took more memory than it may have, or was ended from outside.")
    return msgspec.json.decode(done.stdout, type=Trial)


def _query(source: Source, symbol: str, timeframe: str) -> TrialQuery:
    """Raises SealBroken."""
    today = datetime.now(UTC).date()
    newest = PriceBar.objects.filter(series__instrument__symbol=symbol, series__timeframe=timeframe)
    stored = list(newest.order_by("-timestamp").values_list("timestamp", "close")[:_COMPARED])[::-1]
    return TrialQuery(
        kind=source.kind,
        options=source.options,
        key=unseal(source.sealed_key),
        symbol=symbol,
        timeframe=timeframe,
        start=(today - WINDOW).isoformat(),
        end=today.isoformat(),
        now=time.time(),
        exceptions=settings.SOURCE_HOSTS,
        cache=str(settings.HOME / "cache"),
        stored_time=[int(timestamp.timestamp()) for timestamp, _ in stored],
        stored_close=[close for _, close in stored],
    )


def _changed(option: str, before: Mapping[str, Any], source: Source) -> bool:
    return bool(before.get(option) != source.options.get(option))


def _failed(empty: Trial, problem: str) -> Trial:
    return msgspec.structs.replace(empty, problem=problem)


def _options(kind: SourceKind, given: Mapping[str, Any]) -> dict[str, str]:
    """Every option of the kind, its default where none is given. Raises SourceRefused."""
    known = {option.name: option for option in kind.options}
    names = ", ".join(known) or "none"
    problems = {f"options.{name[:60]}": f"Unknown option. Known: {names}." for name in given if name not in known}
    values = {name: given.get(name, option.default) for name, option in known.items()}
    problems |= {f"options.{name}": text for name, value in values.items() if (text := known[name].problem(value))}
    if problems:
        raise SourceRefused(problems)
    return values


def _symbol_problems(symbols: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the first that is: ours -> the source's."""
    if len(symbols) > _MOST_SYMBOLS:
        return {"symbols": f"Must be up to {_MOST_SYMBOLS:,} instruments."}
    for ours, theirs in symbols.items():
        if not all(isinstance(name, str) and SYMBOL.fullmatch(name) for name in (ours, theirs)):
            return {"symbols": f"{str(ours)[:40]}: up to 32 letters, digits and . ^ = - _ / make a symbol."}
    return {}


def _key_problems(kind: SourceKind, key: str) -> dict[str, str]:
    if not key:
        return {}
    if kind.key is Key.NONE:
        return {"key": "This kind of source takes no key."}
    if len(key) > _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        return {"key": f"Must be up to {_LONGEST_KEY} printable ASCII characters."}
    problem = kind.key_problem(key)
    return {"key": problem} if problem else {}

"""The process that tries a source: `python -m instruments.imports.trial`, a TrialQuery on its standard input.

A process of its own, because what a vendor sends may take all memory there is, and because yfinance and ccxt are large.
It is told the key by its input, which no list of processes shows, and uses the network but no database.
"""

import logging
import resource
import sys
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from boursomatic.env import Env
from boursomatic.shared import logs
from boursomatic.shared.records import Record
from instruments.imports.schema import Trial, TrialBar
from instruments.quant.bars import Bars
from instruments.quant.ingest.checks import Checked, check
from instruments.quant.ingest.dates import iso
from instruments.quant.ingest.headers import NotBars
from instruments.quant.ingest.identity import is_other_instrument
from instruments.sources.base import Fetched, Query
from instruments.sources.errors import BadAnswer, SourceError, WrongSymbol, without_secret
from instruments.sources.http import Http
from instruments.sources.registry import KINDS

SHOWN = 5  # bars
MEMORY = 2 * 1024**3  # bytes of addresses
log = logging.getLogger("boursomatic.sources")


class TrialQuery(Record):
    """What to ask of which source. `stored_time` and `stored_close` are the newest bars of the symbol that are stored:
    what the source gives must move as they do."""

    kind: str
    options: dict[str, str]
    key: str
    symbol: str
    timeframe: str
    start: str
    end: str
    now: float
    exceptions: list[str]
    cache: str
    stored_time: list[int] = []
    stored_close: list[float] = []


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure(logs.log_format(Env.read()))
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=TrialQuery)
    sys.stdout.buffer.write(msgspec.json.encode(trial(question, Http(question.exceptions, cache=Path(question.cache)))))


def trial(question: TrialQuery, http: Http) -> Trial:
    """The newest bars of a source, or why there are none, in words."""
    empty = Trial(question.symbol, question.timeframe)
    try:
        return _tried(question, http)
    except SourceError as problem:
        return msgspec.structs.replace(empty, problem=str(problem))
    except MemoryError:
        return msgspec.structs.replace(empty, problem="What it sent takes more memory than it may have.")
    except Exception as error:  # of a library: told by its name alone, since its text may hold the address and the key
        text = without_secret(f"{type(error).__name__}: {error}", question.key)
        log.error("Trying a source of kind %s failed: %s", question.kind, text)
        return msgspec.structs.replace(empty, problem=f"It failed unexpectedly ({type(error).__name__}).")


def query_of(question: TrialQuery) -> Query:
    return Query(
        symbol=question.symbol,
        timeframe=question.timeframe,
        start=date.fromisoformat(question.start),
        end=date.fromisoformat(question.end),
        now=question.now,
        options=question.options,
        key=question.key,
    )


def checked_bars(fetched: Fetched, query: Query) -> Checked:
    """What a source gave, through the checks that every file passes. Raises BadAnswer where nothing is left."""
    try:
        checked = check(fetched.table, symbol=query.symbol, timeframe=query.timeframe, stored=(query.symbol,))
    except NotBars as reason:
        raise BadAnswer(str(reason)) from None
    if query.symbol not in checked.bars:
        first = checked.problems[0]
        raise BadAnswer(f"All {checked.bad} rows are bad. The first, of {first.timestamp}: {first.reason}.")
    return checked


def require_same_instrument(bars: Bars, stored_time: list[int], stored_close: list[float], symbol: str) -> None:
    """Raises WrongSymbol where the bars don't move as those that are stored under the symbol do."""
    times, closes = np.array(stored_time, dtype=np.int64), np.array(stored_close, dtype=np.float64)
    if is_other_instrument(bars.time, bars.close, times, closes):
        raise WrongSymbol(
            f"Its bars don't move as those that are stored under {symbol} do: they may be of another instrument."
        )


def _tried(question: TrialQuery, http: Http) -> Trial:
    query = query_of(question)
    fetched = KINDS[question.kind].fetch(query, http)
    checked = checked_bars(fetched, query)
    bars = checked.bars[query.symbol]
    require_same_instrument(bars, question.stored_time, question.stored_close, query.symbol)
    return Trial(
        symbol=query.symbol,
        timeframe=checked.timeframe,
        prices=fetched.prices.value,
        rows=len(bars),
        bad=checked.bad,
        first_bad=f"{checked.problems[0].timestamp}: {checked.problems[0].reason}" if checked.problems else "",
        actions=len(fetched.actions),
        bars=[_shown(bars, i) for i in range(max(0, len(bars) - SHOWN), len(bars))],
    )


def _shown(bars: Bars, i: int) -> TrialBar:
    numbers = [float(column[i]) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.adj_close)]
    return TrialBar(iso(int(bars.time[i])), *numbers)


if __name__ == "__main__":
    main()

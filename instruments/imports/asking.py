"""Many series asked of one source over a few connections: threads that use the network and numbers, no database."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from instruments.imports.trial import checked_bars, require_same_instrument
from instruments.quant.actions import Action, Prices
from instruments.quant.bars import Bars
from instruments.quant.calendars import DAY, Sessions, as_day
from instruments.quant.finality import Finality, final_mask
from instruments.quant.overlap import is_rescaled
from instruments.sources.base import Fetched, Query, SourceKind
from instruments.sources.errors import (
    AddressRefused,
    BadAnswer,
    KeyRefused,
    NoRows,
    RateLimited,
    SourceDown,
    SourceError,
    UnknownSymbol,
    WrongSymbol,
    without_secret,
)
from instruments.sources.http import Http
from instruments.sources.pace import Pace, Stopped

CONNECTIONS = 8
_LOOK_S = 0.5  # between looks at what else is to be done
_LOG = logging.getLogger("boursomatic.sources")

_ADVICE: dict[type[SourceError], str] = {
    RateLimited: "Refresh again when its quota allows more, or with fewer calls a minute.",
    SourceDown: "Refresh again later.",
    KeyRefused: "Enter a key that covers it on the source's page.",
    AddressRefused: "Change the address on the source's page.",
    BadAnswer: "Try the source on its page to see what it answers.",
}


@dataclass(frozen=True)
class Patience:
    """How long a vendor is given: `attempts` at each series, waiting `first_s` after a fault of the vendor's and
    `limited_s` after too many calls, twice as long each time, `longest_s` at most: where a vendor names a longer time
    it is given up. So is after `in_a_row` failures that are the source's, not a series'. `total_s` is for all of it."""

    attempts: int = 5
    first_s: float = 1.0
    limited_s: float = 5.0
    longest_s: float = 900.0
    in_a_row: int = CONNECTIONS
    total_s: float = 16_000.0


@dataclass(frozen=True)
class Question:
    """What is asked for one series: bars from `start` on, or from `first` where all of them are needed. `name` is the
    instrument's symbol, `symbol` what the source calls it. `stored` are its newest bars; `sessions` those of its
    calendar, None where it isn't filled; `zone` where its days end, "" where that isn't known. `last`: the
    last day that is asked for; None: today."""

    name: str
    symbol: str
    timeframe: str
    start: date
    first: date
    stored: Bars | None
    sessions: Sessions | None
    zone: str
    last: date | None = None


@dataclass(frozen=True)
class FreshBars:
    """Bars that are final, oldest first. `held_back` are those of sessions that aren't over, `bad` rows can't be
    stored. `is_whole`: all of the series was asked for again, since its history had been rewritten. `actions`: what the
    source tells of these days; `prices`: what its prices are."""

    bars: Bars
    held_back: int = 0
    bad: int = 0
    is_whole: bool = False
    actions: tuple[Action, ...] = ()
    prices: Prices | None = None


@dataclass(frozen=True)
class Asker:
    """Asks one source. `options` and `key` as a Query has them, `now` in seconds since 1970."""

    kind: SourceKind
    options: Mapping[str, str]
    key: str = field(repr=False)
    http: Http
    pace: Pace
    patience: Patience
    now: float

    @property
    def finality(self) -> Finality:
        return Finality(self.kind.final_after, self.kind.final_at, self.kind.zone or "UTC")

    def fresh_bars(self, question: Question) -> FreshBars:
        """Raises SourceError."""
        bars, bad, fetched = self._bars(question, question.start)
        stored, has_more = question.stored, question.first < question.start
        is_whole = has_more and stored is not None and self._is_rewritten(stored, bars, fetched)
        if is_whole:
            bars, bad, fetched = self._bars(question, question.first)
        zone = question.zone or self.finality.zone
        final = final_mask(bars.time, question.timeframe, self.finality, question.sessions, zone, now=self.now)
        held_back = int((~final).sum())
        return FreshBars(bars.where(final), held_back, bad, is_whole, fetched.actions, fetched.prices)

    def _is_rewritten(self, stored: Bars, bars: Bars, fetched: Fetched) -> bool:
        """An action since the last stored bar says so before any bar that is common to both does."""
        last = datetime.fromtimestamp(int(stored.time[-1]), UTC).date().isoformat()
        is_due = self.kind.refetch_on_action and any(action.ex_day > last for action in fetched.actions)
        return is_due or is_rescaled(bars, stored)

    def _bars(self, question: Question, start: date) -> tuple[Bars, int, Fetched]:
        end = question.last or datetime.fromtimestamp(self.now, UTC).date()
        query = Query(question.symbol, question.timeframe, start, end, self.now, self.options, self.key)
        fetched = self._ask(query)
        checked = checked_bars(fetched, query)
        bars = checked.bars[query.symbol]
        day = bars.time // DAY
        bars = bars.where((day >= as_day(start)) & (question.last is None or day <= as_day(end)))
        if len(bars) == 0:
            raise NoRows(f"It gave no rows for {query.symbol} from {start} to {end}.")
        if question.stored is not None:
            require_same_instrument(
                bars, question.stored.time.tolist(), question.stored.close.tolist(), question.symbol
            )
        return bars, checked.bad, fetched

    def _ask(self, query: Query) -> Fetched:
        """Again and again, where waiting may help. Raises SourceError."""
        for attempt in range(self.patience.attempts):
            try:
                return self.kind.fetch(query, self.http)
            except RateLimited as problem:
                seconds = problem.retry_after or self.patience.limited_s * 2**attempt
                if attempt + 1 == self.patience.attempts or seconds > self.patience.longest_s:
                    raise
                self.pace.rest(seconds)
            except SourceDown:
                if attempt + 1 == self.patience.attempts:
                    raise
                self.pace.sleep(min(self.patience.first_s * 2**attempt, self.patience.longest_s))
        raise AssertionError("the last attempt returns or raises")


Answer = FreshBars | SourceError


@dataclass
class Questioning:
    """Asks all questions, CONNECTIONS at a time, and hands each answer to `on_answer` in this thread; a question whose
    answer nobody waited for gets none. `on_look` is called twice a second; what it raises ends everything.

    `gave_up` says why it was given up, and what to do.
    """

    asker: Asker
    on_answer: Callable[[Question, Answer], None]
    on_look: Callable[[], None]
    gave_up: str = ""
    _failures: int = field(default=0, init=False)  # in a row, that are the source's

    def ask_all(self, questions: Iterator[Question]) -> None:
        waiting: dict[Future[Answer], Question] = {}
        ends_at = time.monotonic() + self.asker.patience.total_s
        pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="source")
        try:
            while True:
                while len(waiting) < 2 * CONNECTIONS and not self.gave_up and (question := next(questions, None)):
                    waiting[pool.submit(self._one, question)] = question
                if not waiting:
                    return
                for future in wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                    self._take(waiting.pop(future), future.result())
                self.on_look()
                if time.monotonic() > ends_at:
                    self._give_up("It takes longer than a refresh may. The next one goes on with what is left.")
        finally:
            self.asker.pace.stop()
            pool.shutdown(cancel_futures=True)

    def _one(self, question: Question) -> Answer:
        try:
            return self.asker.fresh_bars(question)
        except SourceError as problem:
            return problem
        except Exception as error:  # of a library; its text may hold the address and the key
            text = without_secret(f"{type(error).__name__}: {error}", self.asker.key)
            _LOG.warning("asking a source of kind %s failed: %s", self.asker.kind.name, text)
            return BadAnswer(f"It failed unexpectedly ({type(error).__name__}).")

    def _take(self, question: Question, answer: Answer) -> None:
        if isinstance(answer, Stopped):
            return
        self.on_answer(question, answer)
        if isinstance(answer, UnknownSymbol | WrongSymbol | NoRows):
            return
        self._failures = self._failures + 1 if isinstance(answer, SourceError) else 0
        if self._failures >= self.asker.patience.in_a_row and isinstance(answer, SourceError):
            advice = next(text for kind, text in _ADVICE.items() if isinstance(answer, kind))
            self._give_up(f"{answer} {advice}")

    def _give_up(self, why: str) -> None:
        self.gave_up = self.gave_up or why
        self.asker.pace.stop()

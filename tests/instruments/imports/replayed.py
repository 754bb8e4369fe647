"""A vendor of CSV files whose prices, and failures, a test sets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from instruments.imports.asking import Patience
from instruments.imports.sources import source_create
from instruments.models import Instrument, PriceBar, Source, Universe
from instruments.quant.bars import Bars
from tests.instruments.sources.vendor import Asked, Reply, Vendor, text

QUICK = Patience(first_s=0.01, limited_s=0.01)
DAYS = 30
WATCHED = "watched"  # universe of what add_instruments adds


def days_until(last: date, count: int = DAYS) -> list[date]:
    """Of a market that never closes."""
    return [last - timedelta(days=back) for back in reversed(range(count))]


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


@dataclass
class Replayed:
    """Daily bars of each symbol up to `last`, which move in a way of their own. `scale` multiplies the closes of a
    symbol up to a day, as a split does; `fails` answers in the place of bars."""

    shop: Vendor
    symbols: list[str]
    last: date = field(default_factory=yesterday)
    scale: dict[str, tuple[date, float]] = field(default_factory=dict)
    fails: dict[str, Callable[[Asked], Reply | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            self.shop.routes[f"/{symbol}.csv"] = self._answer(symbol)

    def closes(self, symbol: str) -> dict[date, float]:
        """Of DAYS days up to the last; the same day has the same close whatever the last day is."""
        days = days_until(self.last)
        until, factor = self.scale.get(symbol, (date.min, 1.0))
        return {day: self._close(symbol, day) * (factor if day <= until else 1.0) for day in days}

    def _close(self, symbol: str, day: date) -> float:
        rng = np.random.default_rng([day.toordinal(), *symbol.encode()])
        return round(100 + 10 * float(rng.random()), 2)

    def _answer(self, symbol: str) -> Callable[[Asked], Reply]:
        def answer(asked: Asked) -> Reply:
            failure = self.fails[symbol](asked) if symbol in self.fails else None
            return failure or text(self.csv(symbol))

        return answer

    def csv(self, symbol: str) -> str:
        rows = [f"{day},{close},{close + 1},{close - 1},{close},100" for day, close in self.closes(symbol).items()]
        return "\n".join(["Date,Open,High,Low,Close,Volume", *rows])

    def asked(self, symbol: str) -> int:
        return sum(asked.path == f"/{symbol}.csv" for asked in self.shop.asked)


def add_instruments(symbols: list[str], calendar: str = "24/7") -> None:
    Instrument.objects.bulk_create(Instrument(symbol=symbol, calendar=calendar) for symbol in symbols)
    universe, _ = Universe.objects.get_or_create(name=WATCHED)
    universe.instruments.add(*Instrument.objects.filter(symbol__in=symbols))


def add_source(user: User, shop: Vendor, settings: Any, name: str = "files") -> Source:
    settings.SOURCE_HOSTS = [f"127.0.0.1:{shop.port}"]
    return source_create(user=user, name=name, kind="file_url", options={"url": shop.url + "/{symbol}.csv"})


def as_csv(bars: Bars) -> str:
    """To the last bit."""
    days = [datetime.fromtimestamp(second, UTC).date() for second in bars.time.tolist()]
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.adj_close)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{day},{','.join(map(repr, values))}" for day, values in zip(days, numbers, strict=True)]
    return "\n".join(["Date,Open,High,Low,Close,Volume,Adj Close", *rows])


def stored_closes(symbol: str) -> dict[date, float]:
    rows = PriceBar.objects.filter(series__instrument__symbol=symbol).order_by("timestamp")
    return {moment.date(): close for moment, close in rows.values_list("timestamp", "close")}

"""Which column is which, by the spellings that sources of prices use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "adj_close")

# Compared without case, spaces and signs: `Adj Close`, `adj_close` and `<ADJ CLOSE>` are all "adjclose". Earlier wins.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "time": (
        *("unix", "unixtime", "unixtimestamp", "epoch", "datetime", "timestamp", "bartime", "candletime", "opentime"),
        *("ts", "date", "dtyyyymmdd", "tradedate", "tradingdate", "day", "gmttime", "time", "t"),
        *("indexlevel0", "unnamed0"),
    ),
    "open": ("open", "openprice", "priceopen", "o"),
    "high": ("high", "highprice", "pricehigh", "max", "h"),
    "low": ("low", "lowprice", "pricelow", "min", "l"),
    "close": ("close", "closeprice", "priceclose", "closelast", "last", "price", "c"),
    "volume": ("volume", "vol", "tickvol", "v"),
    "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjustedcloseprice"),
    "symbol": ("symbol", "ticker", "tic", "instrument", "name"),
}
_DAYS = ("date", "dtyyyymmdd", "tradedate", "tradingdate", "day")


class NotBars(Exception):
    """What was given can't be read as bars at all; the text says why and what would do."""


@dataclass(frozen=True)
class Columns:
    """Positions of the recognised columns. `clock` is a column with the time of day beside one with the day."""

    places: dict[str, int]
    clock: int | None
    width: int

    @property
    def has_adj_close(self) -> bool:
        return "adj_close" in self.places


def recognise(header: Sequence[str]) -> Columns:
    """The columns of a header. Raises NotBars naming what is missing."""
    names = [_plain(str(name)) for name in header]
    places = {}
    for field, spellings in _SPELLINGS.items():
        place = next((names.index(spelling) for spelling in spellings if spelling in names), None)
        if place is not None:
            places[field] = place
    if "volume" not in places:  # exchanges write `Volume BTC`, and the amount of money beside it: the first is traded
        place = next((i for i, name in enumerate(names) if name.startswith("volume")), None)
        if place is not None:
            places["volume"] = place
    if "time" not in places and names and names[0] == "":  # an index that pandas wrote without a name
        places["time"] = 0
    missing = [field for field in ("time", *PRICES) if field not in places]
    if missing:
        shown = ", ".join(str(name)[:30] for name in header[:20]) or "nothing"
        raise NotBars(
            f"No column for {', '.join('the date' if field == 'time' else field for field in missing)}. "
            f"Needed: a date, open, high, low and close, named in the first line. Found: {shown}."
        )
    clock = names.index("time") if names[places["time"]] in _DAYS and "time" in names else None
    return Columns(places, clock, len(names))


def _plain(name: str) -> str:
    return re.sub(r"^[0-9]+(?=[a-z])", "", re.sub(r"[^a-z0-9]", "", name.lower()))

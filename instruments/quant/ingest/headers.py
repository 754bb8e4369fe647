"""Which column is which, by the spellings that sources of prices use."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "adj_close")

# Compared without case, accents, spaces and signs: `Adj Close`, `adj_close` and `<ADJ CLOSE>` are all "adjclose".
# Earlier wins.
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
_FRENCH: dict[str, tuple[str, ...]] = {
    "time": ("jour", "datedecotation", "horodatage"),
    "open": ("ouverture", "coursdouverture", "ouv"),
    "high": ("plushaut", "pluseleve", "haut"),
    "low": ("plusbas", "bas"),
    "close": ("cloture", "coursdecloture", "fermeture", "dernier", "clot"),
    "volume": ("volumes", "quantite"),
    "adj_close": ("clotureajustee", "coursajuste", "clotajust"),
    "symbol": ("symbole", "mnemo", "code", "valeur", "nom"),
}
FIELDS = tuple(_SPELLINGS)
_DAYS = ("date", "dtyyyymmdd", "tradedate", "tradingdate", "day", "jour")
_CLOCKS = ("time", "heure")


class NotBars(Exception):
    """What was given can't be read as bars at all; the text says why and what would do. `asks` is what would help if it
    were named: columns, symbol, timeframe."""

    def __init__(self, text: str, *, asks: str = "") -> None:
        self.asks = asks
        super().__init__(text)


@dataclass(frozen=True)
class Columns:
    """Positions of the recognised columns. `clock` is a column with the time of day beside one with the day.

    `is_french`: prices have French names, and so, as a rule, a decimal comma.
    """

    places: dict[str, int]
    clock: int | None
    width: int
    is_french: bool = False

    @property
    def has_adj_close(self) -> bool:
        return "adj_close" in self.places


def recognise(header: Sequence[str], chosen: Mapping[str, str] | None = None) -> Columns:
    """The columns of a header. `chosen` says by name which column a field has, "" for none, and is asked first; a name
    that this header lacks is left to another file. Raises NotBars naming what is missing."""
    places, names = find_places(header, chosen), [_plain(str(name)) for name in header]
    missing = [field for field in ("time", *PRICES) if field not in places]
    if missing:
        shown = ", ".join(str(name)[:30] for name in header[:20]) or "nothing"
        raise NotBars(
            f"No column for {', '.join('the date' if field == 'time' else field for field in missing)}. "
            f"Needed: a date, open, high, low and close, named in the first line. Found: {shown}.",
            asks="columns",
        )
    has_day = names[places["time"]] in _DAYS
    clock = next((names.index(name) for name in _CLOCKS if name in names), None) if has_day else None
    is_french = any(names[places[field]] in _FRENCH[field] for field in PRICES)
    return Columns(places, clock, len(names), is_french)


def find_places(header: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, int]:
    """The fields that have a column, and its position."""
    names = [_plain(str(name)) for name in header]
    places = {}
    for field in FIELDS:
        spellings = (*_SPELLINGS[field], *_FRENCH[field])
        place = next((names.index(spelling) for spelling in spellings if spelling in names), None)
        if place is not None:
            places[field] = place
    if "volume" not in places:  # exchanges write `Volume BTC`, and the amount of money beside it: the first is traded
        place = next((i for i, name in enumerate(names) if name.startswith("volume")), None)
        if place is not None:
            places["volume"] = place
    if "time" not in places and names and names[0] == "":  # an index that pandas wrote without a name
        places["time"] = 0
    header = [str(name) for name in header]
    for field, name in (chosen or {}).items():
        if name in header:
            places[field] = header.index(name)
        elif not name:
            places.pop(field, None)
    return places


def _plain(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.lower())
    return re.sub(r"^[0-9]+(?=[a-z])", "", re.sub(r"[^a-z0-9]", "", bare))

"""Yahoo's prices by yfinance: adjusted for splits, brought back to what was traded by Yahoo's own splits.

`Ticker.history`, since `download` gives an empty frame when it was asked too often; without `repair`, which invented
splits (ranaroussi/yfinance#2660). Open, high, low, close, volume and dividends come adjusted for splits (#2611). The
newest row may be NaN or missing (#2925).
"""

import threading
from datetime import timedelta
from importlib import import_module
from typing import Any

from instruments.quant.actions import DIVIDEND, SPLIT, Action, Prices, split_factors
from instruments.sources.base import Fetched, Query, SourceKind, read_records
from instruments.sources.errors import BadAnswer, RateLimited, SourceDown, SourceError, UnknownSymbol, WrongSymbol
from instruments.sources.http import Answer, Http, require_success

_FIELDS = {
    "date": "date",
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
_PRICES = ("Open", "High", "Low", "Close")
_LOCK = threading.Lock()


def fetch(query: Query, http: Http) -> Fetched:
    """Two calls an instrument, up to today whatever the end: a later split changes earlier prices."""
    yfinance = import_module("yfinance")
    yfinance.config.debug.hide_exceptions = False
    import_module("yfinance.data").YfData.cache_get.cache_clear()  # answers of earlier calls
    try:
        ticker = yfinance.Ticker(query.symbol, session=_session(http))
        frame = ticker.history(
            start=query.start.isoformat(), interval="1d", auto_adjust=False, actions=True, repair=False, keepna=True
        )
        meta = ticker.history_metadata
    except SourceError:
        raise
    except yfinance.exceptions.YFRateLimitError:
        raise RateLimited(f"{KIND.label} was asked too often.") from None
    except yfinance.exceptions.YFTickerMissingError as error:
        raise UnknownSymbol(f"{KIND.label} has no prices of {query.symbol}: {str(error)[:200]}") from None
    except OSError as error:
        raise SourceDown(f"{KIND.label} can't be reached ({type(error).__name__}).") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        text = repr(error)[:100]
        raise BadAnswer(f"{KIND.label}'s rows have other columns than yfinance knows ({text}).") from None
    if meta.get("symbol") != query.symbol:
        raise WrongSymbol(f"{KIND.label} gave bars of {str(meta.get('symbol'))[:40]}, not of {query.symbol}.")
    frame = frame.assign(date=frame.index.strftime("%Y-%m-%d"))
    entries = _closed(frame.to_dict("records"), meta, query.now)
    return _as_traded(entries, query)


def _session(http: Http) -> Any:
    """A session that looks like a browser's, since Yahoo turns others away; one for all calls of `http`, whose threads
    share its cookies."""
    with _LOCK:
        session = http.browser or import_module("curl_cffi.requests").Session(impersonate="chrome")
        if getattr(session, "watched_for", None) is not http:
            _watch(session, http)
            http.browser = session
            if http.cache:  # else yfinance takes a folder of the user's
                import_module("yfinance").set_tz_cache_location(str(http.cache / "yfinance"))
    return session


def _watch(session: Any, http: Http) -> None:
    """Each call waits its turn, and what it gets is looked at before yfinance reads it."""
    ask = session.get

    def get(*args: Any, **kwargs: Any) -> Any:
        http.turn()
        response = ask(*args, **kwargs)
        if "/v8/finance/chart/" in str(response.url):
            require_success(KIND.label, response)
            if not response.content.lstrip().startswith(b"{"):
                raise Answer(KIND.label, response.content, "").no_data()
        return response

    session.get, session.watched_for = get, http


def _closed(entries: list[dict[str, Any]], meta: dict[str, Any], now: float) -> list[dict[str, Any]]:
    """Without the day whose session isn't over, and without empty rows at the end: both come later."""
    session = meta.get("currentTradingPeriod", {}).get("regular")
    while entries:
        is_open = (
            session is not None
            and entries[-1]["date"] == session["start"].strftime("%Y-%m-%d")
            and now < session["end"].timestamp() + KIND.final_after.total_seconds()
        )
        if not is_open and entries[-1]["Close"] == entries[-1]["Close"]:
            break
        entries = entries[:-1]
    return entries


def _as_traded(entries: list[dict[str, Any]], query: Query) -> Fetched:
    days = [record["date"] for record in entries]
    splits = [
        Action(query.symbol, record["date"], SPLIT, ratio=float(record["Stock Splits"]))
        for record in entries
        if record["Stock Splits"] > 0
    ]
    actions = list(splits)
    for record, factor in zip(entries, split_factors(days, splits), strict=True):
        record.update({name: record[name] * factor for name in _PRICES}, Volume=record["Volume"] / factor)
        if record["Dividends"] > 0:
            actions.append(Action(query.symbol, record["date"], DIVIDEND, amount=float(record["Dividends"]) * factor))
    wanted = [record for record in entries if record["date"] <= query.end.isoformat()]
    return Fetched(read_records(KIND.label, wanted, _FIELDS, query), Prices.AS_TRADED, tuple(actions))


KIND = SourceKind(
    name="yahoo",
    label="Yahoo",
    about="Daily bars of stocks, funds, indices and currencies, as traded, with splits and dividends. For your own "
    "research, as Yahoo's terms say; without a key, and without a promise.",
    fetch=fetch,
    prices=Prices.AS_TRADED,
    calls_a_minute=30,
    final_after=timedelta(hours=1),
    package="yfinance",
    refetch_on_action=True,
)

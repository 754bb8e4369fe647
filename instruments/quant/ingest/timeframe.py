"""Which timeframe bars are, from the time between them."""

import numpy as np
from numpy.typing import NDArray

from instruments.quant.ingest.headers import NotBars

HOUR, DAY = 3_600, 86_400
_ENOUGH = 20  # gaps from which one symbol alone can be told apart from its file


def timeframe_of(symbol: NDArray[np.int32], utc: NDArray[np.int64], named: str | None) -> str:
    """1h, 4h, 1d or 1w for n rows of one or many symbols, in any order. `named` is what the user says it is.

    Judged by the lower quartile of the gaps within a symbol: nights, weekends and missing bars only lengthen gaps.
    Raises NotBars when the spacing is none of the four, differs between symbols, or isn't what was named.
    """
    order = np.lexsort((utc, symbol))
    symbol, utc = symbol[order], utc[order]
    gaps = np.diff(utc)
    within = (symbol[1:] == symbol[:-1]) & (gaps > 0)
    gaps, owner = gaps[within], symbol[1:][within]
    if len(gaps) == 0:
        if named is None and np.any(utc % DAY):
            raise NotBars("One bar for each symbol doesn't tell the timeframe: name it.", asks="timeframe")
        return named or "1d"
    inferred = _kind(gaps)
    _check_agreement(gaps, owner, inferred)
    if inferred is None:
        raise NotBars(f"The bars are {_words(_typical(gaps))} apart: that is none of 1h, 4h, 1d, 1w.")
    if named is not None and named != inferred:
        raise NotBars(
            f"The timeframe {named} doesn't fit: the bars are {_words(_typical(gaps))} apart, as for {inferred}."
        )
    return inferred


def _check_agreement(gaps: NDArray[np.int64], owner: NDArray[np.int32], timeframe: str | None) -> None:
    boundaries = np.flatnonzero(np.diff(owner)) + 1
    for gaps_of_one in np.split(gaps, boundaries):
        if len(gaps_of_one) >= _ENOUGH and _kind(gaps_of_one) != timeframe:
            raise NotBars(
                f"Symbols of different timeframes in one file: some bars are {_words(_typical(gaps))} apart, "
                f"others {_words(_typical(gaps_of_one))}. Import them from separate files."
            )


def _typical(gaps: NDArray[np.int64]) -> int:
    return int(np.quantile(gaps, 0.25, method="lower"))


def _kind(gaps: NDArray[np.int64]) -> str | None:
    gap = _typical(gaps)
    if gap in (HOUR, 4 * HOUR):
        return "1h" if gap == HOUR else "4h"
    if 20 * HOUR <= gap < 6 * DAY:  # days are 23 to 25 hours apart where clocks change; few rows may span a weekend
        return "1d"
    return "1w" if 6 * DAY <= gap <= 8 * DAY else None


def _words(seconds: int) -> str:
    for size, name in ((DAY, "day"), (HOUR, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = f"{seconds / size:.3g}"
            return f"{count} {name}{'' if count == '1' else 's'}"
    return "no time"

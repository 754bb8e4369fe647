"""Moves that prices don't make: splits that were not applied, stretches on another scale, slips of a digit, outliers.

All look at the adjusted close, which models see, so a split that `adj_close` accounts for is no finding. A market's
moves have no bound; what tells a wrong number from news is that it comes back to where it was, or that after the ratio
of a split is taken out the day is like any other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from instruments.quant.health.flaws import BAD, WARN, Flaw
from instruments.quant.health.subject import Mask, Subject

UNUSUAL = 12.0  # robust standard deviations
SMALLEST = log(1.15)  # of a move that is looked at
EXACT = 0.01  # how far a ratio may be from n:m, as a share; a clear one also by
ORDINARY = 2.0  # usual moves, the day's own return
QUIET = 4.0  # usual moves that are left when the ratio is taken out
RANGE = 3.5  # usual moves between high and low on such a day
BUSY = 4.0  # times the usual volume, counted in new shares or in old ones
SHORT = 3  # bars that an outlier lasts
LONGEST = 500  # bars of a stretch on another scale
JUMP = 0.4  # a return beyond it is told, whatever explains it
CLEAR = log(1.45)  # a smaller ratio may as well be a spin-off or a special dividend
LARGE = log(3.5)  # no news moves a price so far, and stays
NEAREST = 0.35  # how near a large one must be to a ratio of a split, in logs

# New shares for old ones, as splits are made; small ones (11:10) move a price no more than news does.
_FORWARD = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
_RATIOS = ((3, 2), (4, 3), (5, 2), (5, 3), (5, 4), *((n, 1) for n in _FORWARD))
SPLITS = tuple(sorted({pair for n, m in _RATIOS for pair in ((n, m), (m, n))}, key=lambda pair: pair[0] / pair[1]))
_LOGS = np.log([m / n for n, m in SPLITS])  # of price after / price before


@dataclass(frozen=True)
class Return:
    """A move at bar `start` that is undone at bar `stop`; prices of the bars between are `ratio` times those beside."""

    start: int
    stop: int
    ratio: float


def is_unusual(subject: Subject) -> Mask:
    """(n,) whether each bar's move is beyond what its neighbours' make likely."""
    mask: Mask = np.abs(subject.moves) > np.maximum(UNUSUAL * subject.sigma, SMALLEST)
    return mask


def nearest_split(move: float) -> tuple[int, float]:
    """Which of SPLITS has the ratio nearest to this log return, and how far it is, in logs."""
    k = int(np.argmin(np.abs(_LOGS - move)))
    return k, float(abs(_LOGS[k] - move))


def price_scale(subject: Subject) -> list[Flaw]:
    """Splits not applied, stretches on another scale, slips, outliers and jumps: one explanation for each move."""
    moves, unusual = subject.moves, np.flatnonzero(is_unusual(subject))
    flaws, explained = [], set[int]()
    returns = list(_returns(unusual, subject))
    for change in returns:
        flaw = _scale_flaw(change, subject)
        if flaw:
            flaws.append(flaw)
            explained |= {change.start, change.stop}
    for k in unusual.tolist():
        if k not in explained and (flaw := _split_flaw(k, subject) or _unapplied_flaw(k, subject)):
            flaws.append(flaw)
            explained.add(k)
    jumps = np.flatnonzero((moves > log(1 + JUMP)) | (moves < log(1 - JUMP)))
    flaws += [_jump_flaw(k, subject) for k in jumps.tolist() if k not in explained]
    return flaws


def _returns(unusual: NDArray[np.intp], subject: Subject) -> Iterator[Return]:
    """Each move with the first later one that undoes it; none twice."""
    logs, moves, sigma = np.log(subject.bars.adj_close), subject.moves, subject.sigma
    undone = set[int]()
    for j, start in enumerate(unusual.tolist()):
        if start in undone:
            continue
        for stop in unusual[j + 1 :].tolist():
            if stop - start > LONGEST:
                break
            left = abs(float(logs[stop] - logs[start - 1]))
            drift = 2.0 * float(sigma[start]) * (stop - start + 1) ** 0.5
            most = NEAREST if abs(moves[start]) > LARGE else min(max(drift, 0.05), 0.5 * abs(float(moves[start])))
            opposite = moves[start] * moves[stop] < 0 and abs(abs(moves[stop]) - abs(moves[start])) < NEAREST
            if stop not in undone and opposite and left < most:
                undone.add(stop)
                yield Return(start, stop, _ratio(start, stop, subject))
                break


def _ratio(start: int, stop: int, subject: Subject) -> float:
    """Of prices between to those beside, by both ends."""
    return exp(float(subject.moves[start] - subject.moves[stop]) / 2)


def _scale_flaw(change: Return, subject: Subject) -> Flaw | None:
    times = subject.bars.time[change.start : change.stop]
    bars = len(times)
    details = {"ratio": round(change.ratio, 6), "bars": bars}
    digits = log(change.ratio, 10)
    nearness = max(3.0 * EXACT, 1.5 * float(subject.sigma[change.start]))
    if abs(digits - round(digits)) * log(10) < 2.0 * nearness and round(digits):
        return Flaw(
            "slip",
            BAD,
            times,
            f"{_bars(bars)} at {10.0 ** round(digits):g} times the price beside: a slip of the decimal point.",
            "Multiply the prices of these bars back.",
            details,
        )
    k, distance = nearest_split(log(change.ratio))
    n, m = SPLITS[k]
    if distance < nearness and (bars <= SHORT or _is_rescaled(change, float(_LOGS[k]), subject)):
        return Flaw(
            "half_split",
            BAD,
            times,
            f"{_bars(bars)} at {m / n:g} times the price beside: a split {n}:{m} applied to these bars alone.",
            "Multiply the prices of these bars back.",
            {**details, "split": [n, m]},
        )
    if bars > SHORT:
        return None
    return Flaw(
        "outlier",
        BAD,
        times,
        f"{_bars(bars)} at {change.ratio:.3g} times the price before and after, which come back.",
        "Import these bars from another source.",
        details,
    )


def _is_rescaled(change: Return, ratio: float, subject: Subject) -> bool:
    """Whether both ends of a long stretch are ordinary bars once the ratio is taken out: news may come and go too."""
    ends = ((change.start, ratio), (change.stop, -ratio))
    return abs(ratio) > CLEAR and all(_is_like_any_other(k, float(subject.moves[k]), each, subject) for k, each in ends)


def _split_flaw(k: int, subject: Subject) -> Flaw | None:
    """A move that stays, where a split explains it, nothing is on record, and no peer moved."""
    if subject.splits is not None and subject.splits[k]:
        return None
    if subject.peers_moved is not None and subject.peers_moved[k]:
        return None
    move = float(subject.moves[k])
    near, distance = nearest_split(move)
    n, m = SPLITS[near]
    is_large = abs(move) > LARGE and distance < NEAREST
    if not is_large and not _is_like_any_other(k, move, float(_LOGS[near]), subject):
        return None
    if abs(float(_LOGS[near])) < CLEAR:
        return _distribution(k, move, (n, m), subject)
    return Flaw(
        "split",
        BAD,
        subject.bars.time[k : k + 1],
        f"The price goes to {exp(move):.4g} times the one before and stays there, as by a split {n}:{m} "
        "that was not applied to the bars before.",
        f"Apply the split {n}:{m} to the bars before.",
        {"ratio": round(exp(move), 6), "split": [n, m], "usual_moves": round(abs(move) / float(subject.sigma[k]), 1)},
    )


def _unapplied_flaw(k: int, subject: Subject) -> Flaw | None:
    """A move that stays where a split is on record: what should adjust for it doesn't."""
    move = float(subject.moves[k])
    if subject.splits is None or not subject.splits[k] or nearest_split(move)[1] > QUIET * float(subject.sigma[k]):
        return None
    return Flaw(
        "jump",
        BAD,
        subject.bars.time[k : k + 1],
        f"The price goes to {exp(move):.4g} times the one before by a split that is on record, and the adjusted closes "
        "don't account for it.",
        "Import adjusted closes, or say on its page of actions that its prices are as traded.",
        {"return": round(float(np.expm1(move)), 6)},
    )


def _distribution(k: int, move: float, split: tuple[int, int], subject: Subject) -> Flaw:
    return Flaw(
        "jump",
        WARN,
        subject.bars.time[k : k + 1],
        f"The price goes to {exp(move):.4g} times the one before on an otherwise ordinary day, as by a spin-off, a "
        f"special dividend or a split {split[0]}:{split[1]} that the bars before were not adjusted for.",
        "Look it up, and import adjusted closes.",
        {"return": round(float(np.expm1(move)), 6)},
    )


def _is_like_any_other(k: int, move: float, ratio: float, subject: Subject) -> bool:
    """Whether bar k is an ordinary one once the log ratio of the split is taken out: near n:m at its open or close or
    between the two, a move and a range of every day, and no crowd trading it."""
    bars, sigma = subject.bars, float(subject.sigma[k])
    opened = move + log(bars.open[k] / bars.close[k])
    nearest = 0.0 if (opened - ratio) * (move - ratio) < 0 else min(abs(opened - ratio), abs(move - ratio))
    near = max(EXACT, ORDINARY * sigma) if abs(ratio) > CLEAR else EXACT
    if nearest > near or max(abs(opened - ratio), abs(move - ratio)) > QUIET * sigma:
        return False
    if log(bars.high[k] / bars.low[k]) > max(RANGE * sigma, 0.02):
        return False
    before = bars.volume[max(0, k - 20) : k]
    return bool(bars.volume[k] <= BUSY * float(np.median(before)) * max(1.0, exp(-ratio)))


def _jump_flaw(k: int, subject: Subject) -> Flaw:
    move = float(np.expm1(subject.moves[k]))
    return Flaw(
        "jump",
        WARN,
        subject.bars.time[k : k + 1],
        f"The close moves by {100 * move:+.1f} % and stays there; no split has that ratio.",
        "Look for news of that day, or for a spin-off that prices were not adjusted for.",
        {"return": round(move, 6)},
    )


def within_bars(subject: Subject) -> list[Flaw]:
    """Bars of which one price is on another scale than the others: a slip of a digit in it, or half of a split."""
    bars = subject.bars
    logs = {name: np.log(getattr(bars, name)) for name in ("open", "high", "low", "close")}
    usual_range = np.maximum(UNUSUAL * subject.sigma, log(1.4))
    wide = np.flatnonzero(logs["high"] - logs["low"] > usual_range)
    flaws = []
    for name in ("open", "high", "low"):
        apart = (logs[name] - logs["close"])[wide]
        digits = np.round(apart / log(10))
        is_slip = (np.abs(apart - digits * log(10)) < 5 * EXACT) & (digits != 0)
        flaws += [
            _price_slip(k, name, float(power), subject) for k, power in zip(wide[is_slip], digits[is_slip], strict=True)
        ]
    gap = (logs["close"] - logs["open"])[wide]
    distance = np.abs(gap[:, None] - _LOGS).min(axis=1)
    halves = wide[(distance < 2 * EXACT) & (np.abs(gap) > log(1.4))]
    flaws += [_half_bar(k, subject) for k in halves.tolist()]
    return flaws


def _price_slip(k: int, name: str, power: float, subject: Subject) -> Flaw:
    return Flaw(
        "slip",
        BAD,
        subject.bars.time[k : k + 1],
        f"The {name} is {10.0**power:g} times the close: a slip of the decimal point.",
        "Multiply this price back.",
        {"price": name, "ratio": 10.0**power, "bars": 1},
    )


def _half_bar(k: int, subject: Subject) -> Flaw:
    ratio = float(subject.bars.close[k] / subject.bars.open[k])
    n, m = SPLITS[nearest_split(log(ratio))[0]]
    return Flaw(
        "half_split",
        BAD,
        subject.bars.time[k : k + 1],
        f"Open and close are a split {n}:{m} apart ({ratio:.4g}): it was applied to half of this bar.",
        "Import this bar from another source.",
        {"ratio": round(ratio, 6), "split": [n, m], "bars": 1},
    )


def _bars(count: int) -> str:
    return "One bar" if count == 1 else f"{count:,} bars"

"""Adjusted closes that drift away from the closes, and bars of several sources that don't agree."""

from itertools import pairwise
from math import exp, log

import numpy as np

from instruments.quant.coverage import SPLIT
from instruments.quant.health.flaws import BAD, INFO, WARN, Flaw
from instruments.quant.health.subject import Subject

STEP = 5e-4  # of adj_close / close; less is rounding
MOST_STEPS = 16  # a year: more than monthly dividends and a few specials
DISAGREE = 6.0  # usual moves between two sources' bars
NEAR, FAR = 0.002, 0.05  # median relative differences of closes from which on sources disagree, and badly
_YEAR = 250  # bars


def adjustment_drift(subject: Subject) -> list[Flaw]:
    """adj_close / close steps at dividends and splits, a few times a year, and rises. Where it moves more often it
    follows something else; where it falls, an adjustment was taken back."""
    bars = subject.bars
    if subject.timeframe != "1d" or np.array_equal(bars.adj_close, bars.close):
        return []
    steps = np.diff(np.log(bars.adj_close / bars.close), prepend=0.0)
    steps[0] = 0.0
    rounding = 0.012 / np.minimum(bars.close, bars.adj_close)  # prices given to the cent
    at = np.flatnonzero(np.abs(steps) > np.maximum(STEP, rounding))
    falls = at[(steps[at] < -2 * STEP) & (steps[at] > -log(SPLIT))]
    years = max(1.0, len(bars) / _YEAR)
    if len(at) <= MOST_STEPS * years and len(falls) <= years:
        return []
    places = at if len(at) > MOST_STEPS * years else falls
    return [
        Flaw(
            "adjustment_drift",
            WARN,
            bars.time[places],
            f"adj_close moves against close at {len(at):,} bars, {len(at) / years:.0f} a year, and falls back at "
            f"{len(falls):,}: more than dividends and splits explain.",
            "Import the adjusted closes again, from one source.",
            {"steps": len(at), "falls": len(falls), "a_year": round(len(at) / years, 1)},
        )
    ]


def sources_disagree(subject: Subject) -> list[Flaw]:
    """Where a series goes over from one source to another: a move there that none of its days has. Where a source gave
    other closes for bars that another had stored."""
    flaws = _rewritten(subject)
    for source in sorted(subject.sources, key=lambda source: source.first)[1:]:
        k = int(np.searchsorted(subject.bars.time, source.first))
        if 0 < k < len(subject.bars) and abs(float(subject.moves[k])) > DISAGREE * float(subject.sigma[k]):
            times = subject.bars.time[k : k + 1]
            ratio = exp(float(subject.moves[k]))
            text = (
                f"Bars of {source.name} begin here at {ratio:.4g} times the close before, which is of another source."
            )
            figures = {"ratio": round(ratio, 6), "source": source.name}
            flaws.append(Flaw("sources_disagree", WARN, times, text, "Take all bars from one source.", figures))
    return flaws or _mixed(subject)


def _rewritten(subject: Subject) -> list[Flaw]:
    """As long as bars there are of the source that rewrote them."""
    flaws = []
    for rewrite in subject.rewrites:
        mismatch = rewrite.mismatch
        held = [source for source in subject.sources if source.name == rewrite.source]
        if not any(source.first <= mismatch.last and source.last >= mismatch.first for source in held):
            continue
        severity = BAD if mismatch.median >= FAR else WARN if mismatch.median >= NEAR else INFO
        others = " and ".join(mismatch.sources)
        text = (
            f"{rewrite.source} gives other closes than {others} for {mismatch.bars:,} of {mismatch.common:,} bars that "
            f"it rewrote; half of them differ by {mismatch.median:.2%} or more."
        )
        figures = {"source": rewrite.source, "others": others, "bars": mismatch.bars, "median": mismatch.median}
        times = np.unique(np.array([mismatch.first, mismatch.last], dtype=np.int64))
        proposal = "Compare the two, and take all bars from one source."
        flaws.append(Flaw("sources_disagree", severity, times, text, proposal, figures))
    return flaws


def _mixed(subject: Subject) -> list[Flaw]:
    ranges = sorted(subject.sources, key=lambda source: source.first)
    overlapping = [b.name for a, b in pairwise(ranges) if b.first < a.last]
    if not overlapping:
        return []
    names = ", ".join(source.name for source in ranges)
    text = f"Bars of several sources lie between one another: {names}."
    times = np.array([ranges[0].first, max(source.last for source in ranges)], dtype=np.int64)
    return [Flaw("sources_disagree", INFO, times, text, "Take all bars from one source.", {"sources": names})]

"""Bars without trading: carried forward, without volume, frozen for days."""

import numpy as np

from instruments.quant.health.flaws import INFO, WARN, Flaw, Places, runs_of, stretches
from instruments.quant.health.subject import Mask, Subject
from instruments.quant.stale import stale_mask

FROZEN = 5  # bars in a row


def stale(subject: Subject) -> list[Flaw]:
    """Bars that carry the price before them forward (models leave these out), are a single price, or have no volume
    though the series has some; those that `frozen` names are its."""
    bars = subject.bars
    carried = stale_mask(bars)
    flat = (bars.high == bars.low) & (bars.open == bars.close)
    mask = carried | flat | _untraded(subject)
    for run in _frozen_runs(subject):
        mask[run] = False
    return [_stale(subject, places, carried, flat) for places in stretches(np.flatnonzero(mask))]


def _stale(subject: Subject, places: Places, carried: Mask, flat: Mask) -> Flaw:
    counts = {
        "carried": int(carried[places].sum()),
        "flat": int((flat & ~carried)[places].sum()),
        "without_volume": int((subject.bars.volume[places] == 0).sum()),
    }
    words = {
        "carried": "only the close before",
        "flat": "a single price",
        "without_volume": "no volume",
    }
    told = "; ".join(f"{words[name]} in {count:,}" for name, count in counts.items() if count)
    return Flaw(
        "stale",
        INFO,
        subject.bars.time[places],
        f"Hardly traded in {len(places):,} bar{'s' * (len(places) != 1)}: {told}.",
        "Models leave out bars that only carry a price forward. Compare with another source if there are many.",
        counts,
    )


def frozen(subject: Subject) -> list[Flaw]:
    """FROZEN bars or more in a row with the same four prices, or without volume though the series has some."""
    return [
        Flaw(
            "frozen",
            WARN,
            subject.bars.time[run],
            f"{len(run):,} bars in a row without trading: the same prices, or no volume.",
            "Import these bars from another source, or leave them out.",
            {"bars": len(run)},
        )
        for run in _frozen_runs(subject)
    ]


def _frozen_runs(subject: Subject) -> list[Places]:
    bars = subject.bars
    equal = np.zeros(len(bars), dtype=np.bool_)
    equal[1:] = (
        (bars.close[1:] == bars.close[:-1])
        & (bars.open[1:] == bars.open[:-1])
        & (bars.high[1:] == bars.high[:-1])
        & (bars.low[1:] == bars.low[:-1])
    )
    equal[:-1] |= equal[1:]  # the first of equal bars is one of them
    return runs_of(equal | _untraded(subject), FROZEN)


def _untraded(subject: Subject) -> Mask:
    untraded: Mask = (subject.bars.volume == 0.0) & subject.has_volume
    return untraded

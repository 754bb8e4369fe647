"""A control that must find nothing: each instrument with another's returns, of other days. PROTOCOL §5.3."""

from dataclasses import replace

import numpy as np

from training.quant.universe.forward import Floats, Forward, Ints
from training.quant.universe.panel import Panel, TooLittle

SHIFT = 250  # counted days that returns are rotated by, at least


def control_panel(panel: Panel, *, seed: int) -> Panel:
    """`panel` with its own rows, features and days on which outcomes are known, and the returns of a derangement of its
    instruments, all rotated in time by one number of counted days: what they have in common stays, what features know
    of them is gone. Deterministic for `seed`; a universe of one instrument gets its own returns rotated. Raises
    TooLittle."""
    days = len(panel.days)
    if days <= SHIFT:
        raise TooLittle(f"Too little data: {days} days; the control rotates returns by {SHIFT} at least.")
    rng = np.random.default_rng(seed)
    shift = int(rng.integers(SHIFT, max(SHIFT, days - SHIFT) + 1))
    source, donor = (np.arange(days) - shift) % days, derangement(len(panel.symbols), rng)
    theirs = panel.close[:, donor]
    before = np.vstack([theirs[:1], theirs[:-1]])
    close = np.asarray(np.cumprod((theirs / before)[source], axis=0), dtype=np.float64)
    open_ = np.vstack([np.ones_like(close[:1]), close[:-1]]) * (panel.open[:, donor] / before)[source]
    forward = {horizon: _of_prices(panel, each, close) for horizon, each in panel.forward.items()}
    return replace(panel, open=open_, close=close, forward=forward)


def _of_prices(panel: Panel, forward: Forward, close: Floats) -> Forward:
    """The same rows and days with the returns of `close` (D, N)."""
    returns = np.full(len(forward.returns), np.nan)
    rows = np.flatnonzero(forward.has_outcome)
    instrument = panel.instrument[rows]
    returns[rows] = close[forward.outcome[rows], instrument] / close[panel.day[rows], instrument] - 1.0
    return replace(forward, returns=returns)


def derangement(count: int, rng: np.random.Generator) -> Ints:
    """(count,): whom each takes from, never itself where there are two at least: everybody in one random circle."""
    order = rng.permutation(count)
    donor = np.empty(count, dtype=np.int64)
    donor[order] = np.roll(order, 1)
    return donor

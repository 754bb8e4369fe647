"""The bench of members: an index of always as many, whose losers leave, and what is measured of it."""

import numpy as np

from instruments.quant.membership import member_mask
from scripts.benchmarks.members import BARS, INDEX, MARKET, POOL, YEAR, _always_buy, _panel, index_membership
from scripts.benchmarks.universe_markets import universe


def test_as_many_are_members_on_each_day_and_who_lost_most_has_left() -> None:
    pool = universe(POOL, BARS, seed=3, market=MARKET)
    membership = index_membership(pool, seed=3)
    days = next(iter(pool.members.values())).time // 86_400
    table = np.array([member_mask(membership[symbol], days) for symbol in membership])
    assert set(table.sum(axis=0).tolist()) == {INDEX}
    closes = {symbol: bars.close for symbol, bars in pool.members.items()}
    left = [(symbol, stretch.end) for symbol, own in membership.items() for stretch in own if stretch.end is not None]
    fell = [closes[s][at] / closes[s][at - YEAR] for s, end in left for at in [int(np.searchsorted(days, end))]]
    assert len(left) == 2 * len(range(YEAR, BARS, 20)) and np.mean(fell) < 0.75
    assert _always_buy(_panel(pool, list(membership), membership)) == 0.0

"""Which days of a universe count: a holiday on which one instrument's bars were filled forward is not a session."""

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
LIVE_DAYS = 10  # counted days without a candle after which an instrument is no longer asked for


def counted_days(traded: Flags, *, member: Flags | None = None, just_traded: bool = False) -> Flags:
    """(D,) bool: the days on which at least half of the live instruments trade (PROTOCOL §4).

    `traded` (D, N) tells who has a candle on which day, days ascending. Live on a day is who had a candle on one of the
    LIVE_DAYS counted days before it; `just_traded`: all had one on a counted day right before the first. A day on which
    nobody is live yet counts. Later days change nothing about earlier ones. `member` (D, N), where instruments come and
    go: only a day's members are asked, and a day on which none of them trades doesn't count.
    """
    counts = np.zeros(len(traded), dtype=np.bool_)
    number = 0  # of the next counted day
    last = np.full(traded.shape[1], -1 if just_traded else -LIVE_DAYS - 1)  # number of the last one with a candle
    for day, is_there in enumerate(traded):
        is_live = last >= number - LIVE_DAYS
        if member is not None:
            is_live &= member[day]
            if not np.any(is_there & member[day]):
                continue
        if 2 * np.count_nonzero(is_live & is_there) >= np.count_nonzero(is_live):
            counts[day] = True
            last[is_there] = number
            number += 1
    return counts

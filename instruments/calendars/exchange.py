"""Sessions of exchanges from exchange_calendars, which takes seconds to load: for workers and commands, by its dotted
name alone (`instruments.calendars.services`)."""

from datetime import date

import exchange_calendars
import numpy as np
import pandas as pd

from instruments.quant.calendars import Sessions


def exchange_sessions(calendar: str, first: date, last: date) -> Sessions:
    """From `first` to `last`, or as far as the library knows of it."""
    start, end = pd.Timestamp(first), pd.Timestamp(last)
    try:
        exchange = exchange_calendars.get_calendar(calendar, start=start, end=end)
    except ValueError:  # beyond its bounds, which it tells only once it is made
        bounds = exchange_calendars.get_calendar(calendar)
        lowest, highest = bounds.bound_min() or start, bounds.bound_max() or end
        exchange = exchange_calendars.get_calendar(calendar, start=max(start, lowest), end=min(end, highest))
    days = exchange.sessions
    return Sessions(
        days.to_numpy().astype("datetime64[D]").astype(np.int64),
        exchange.closes.dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64),
        days.isin(exchange.early_closes),
    )

"""Splits and dividends from the database, as what a series' bars are adjusted by.

Past Django's objects, dates and converters, which took longer than all else. `scripts/bench data --only speed` measures
what it adds to the loading of bars.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from django.db import connection
from django.utils import timezone

from instruments.models import ActionKind, Basis, CorporateAction, PriceBar, Series, Timeframe
from instruments.quant.bars import Bars, Floats, Seconds
from instruments.quant.calendars import DAY, Days, day_begins
from instruments.quant.point_in_time import Adjustment, TimedActions, anchored, closes_before

_ACTIONS, _BARS = CorporateAction._meta.db_table, PriceBar._meta.db_table
_OF_DAYS = (Timeframe.DAY, Timeframe.WEEK)  # their bars are named by midnight, in UTC
_COLUMNS = "series_id, CAST(ex_day AS TEXT), kind = %s, COALESCE(ratio, amount)"


def is_as_traded(series: Series) -> bool:
    return series.basis == Basis.AS_TRADED


def adjustments_of(
    series: Sequence[Series], histories: Sequence[Bars], *, until: int | None = None
) -> list[Adjustment | None]:
    """By what each series is adjusted, from all its bars; None where its source does that. `until`: actions from that
    moment on (seconds since 1970) aren't looked at."""
    actions = read_actions([member for member in series if is_as_traded(member)])
    return [
        _adjustment(actions[member.pk], bars, until) if is_as_traded(member) else None
        for member, bars in zip(series, histories, strict=True)
    ]


def read_adjustments(series: Iterable[Series]) -> dict[int, Adjustment]:
    """The same by primary key, of those that are kept as traded, without loading their bars: a look into the index for
    each action. A run that reads three years of thirty would else read all of them."""
    members = [member for member in series if is_as_traded(member)]
    return _read_daily([member for member in members if member.timeframe in _OF_DAYS]) | _read_shorter(
        [member for member in members if member.timeframe not in _OF_DAYS]
    )


def read_actions(series: Iterable[Series]) -> dict[int, TimedActions]:
    """All actions of each series, by its primary key: one query, none for no series."""
    return {pk: actions for pk, (actions, _) in _read(list(series), f"{_COLUMNS}, NULL").items()}


def as_shown(bars: Bars, actions: TimedActions) -> Bars:
    """All bars of a series that is kept as traded, adjusted by `actions` to its last bar: as people see them."""
    return _adjustment(actions, bars, None).until(int(bars.time[-1])).restate(bars)


def mark_changed(series: Series) -> None:
    """In the transaction that changes its actions or its basis: what was read of the series before is not what is there
    now."""
    series.updated_at = timezone.now()
    Series.objects.filter(pk=series.pk).update(updated_at=series.updated_at)


def _adjustment(actions: TimedActions, bars: Bars, until: int | None) -> Adjustment:
    actions = actions if until is None else actions.until(until)
    return anchored(actions, closes_before(actions, bars))


def _read_daily(members: Sequence[Series]) -> dict[int, Adjustment]:
    """Of daily and weekly bars: one query."""
    midnight = "ex_day::timestamp AT TIME ZONE 'UTC'" if connection.vendor == "postgresql" else "ex_day"
    close = f"""(
        SELECT close FROM {_BARS} WHERE series_id = {_ACTIONS}.series_id AND timestamp < {midnight}
        ORDER BY timestamp DESC LIMIT 1
    )"""
    return {pk: anchored(*own) for pk, own in _read(members, f"{_COLUMNS}, {close}").items()}


def _read_shorter(members: Sequence[Series]) -> dict[int, Adjustment]:
    """Of shorter bars: one query for the actions, and one for the closes before they begin, by the clocks of their
    zone."""
    actions = read_actions(members)
    closes = _read_closes_before(actions)
    return {pk: anchored(own, closes[pk]) for pk, own in actions.items()}


def _read(members: Sequence[Series], columns: str) -> dict[int, tuple[TimedActions, Floats]]:
    """`columns`: series, day, whether it is a split, value, and the close before or NULL, which comes beside as NaN."""
    if not members:
        return {}
    numbers = ", ".join(str(int(member.pk)) for member in members)
    query = f"SELECT {columns} FROM {_ACTIONS} WHERE series_id IN ({numbers})"
    with connection.cursor() as cursor:
        cursor.execute(query, [ActionKind.SPLIT])
        rows = cursor.fetchall()
    owner, day, is_split, value, close = zip(*rows, strict=True) if rows else ((),) * 5
    owners, days = np.array(owner, dtype=np.int64), np.array(day, dtype="datetime64[D]").astype(np.int64)
    splits, values = np.array(is_split, dtype=np.bool_), np.array(value, dtype=np.float64)
    order = np.lexsort((~splits, days, owners))
    days, splits, values = days[order], splits[order], values[order]
    closes = np.array(close, dtype=np.float64)[order]
    bounds = np.searchsorted(owners[order], [(member.pk, member.pk + 1) for member in members]).tolist()
    read = {}
    for member, (start, stop) in zip(members, bounds, strict=True):
        own = TimedActions(_begins(member, days[start:stop]), splits[start:stop], values[start:stop])
        read[int(member.pk)] = own, closes[start:stop]
    return read


def _begins(series: Series, days: Days) -> Seconds:
    """When each of these days begins. Only shorter bars ask for the calendar, and so for the instrument, which may not
    be loaded."""
    if series.timeframe in _OF_DAYS:
        return days * DAY
    calendar = series.instrument.calendar
    return np.array([day_begins(day, series.timeframe, calendar) for day in days.tolist()], dtype=np.int64)


def _read_closes_before(actions: Mapping[int, TimedActions]) -> dict[int, Floats]:
    """As `closes_before`, by the series' primary key: one query."""
    closes = {pk: np.full(len(own), np.nan) for pk, own in actions.items()}
    places = [(pk, place, time) for pk, own in actions.items() for place, time in enumerate(own.time.tolist())]
    if not places:
        return closes
    moment = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    rows = ", ".join(f"({pk}, {place}, {moment})" for pk, place, _ in places)
    query = f"""
        WITH due (owner, place, moment) AS (VALUES {rows})
        SELECT owner, place, (
            SELECT close FROM {_BARS} WHERE series_id = owner AND timestamp < moment ORDER BY timestamp DESC LIMIT 1
        ) FROM due
    """
    moments = [datetime.fromtimestamp(time, UTC) for _, _, time in places]
    with connection.cursor() as cursor:
        cursor.execute(query, [connection.ops.adapt_datetimefield_value(moment) for moment in moments])
        for pk, place, close in cursor.fetchall():
            closes[pk][place] = np.nan if close is None else close
    return closes

"""Splits and dividends from the database, as what a series' bars are adjusted by."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from django.db import connection

from instruments.models import Basis, CorporateAction, PriceBar, Series, Timeframe
from instruments.quant.bars import Bars, Floats
from instruments.quant.calendars import as_day, day_begins
from instruments.quant.point_in_time import Adjustment, TimedAction, anchored, closes_before

_BARS = PriceBar._meta.db_table


def is_as_traded(series: Series) -> bool:
    return series.basis == Basis.AS_TRADED


def adjustments_of(
    series: Sequence[Series], histories: Sequence[Bars], *, until: int | None = None
) -> list[Adjustment | None]:
    """By what each series is adjusted, from all its bars; None where its source does that. `until`: actions from that
    moment on (seconds since 1970) aren't looked at."""
    actions = read_actions([member for member in series if is_as_traded(member)])
    return [
        _adjustment(_before(actions[member.pk], until), bars) if is_as_traded(member) else None
        for member, bars in zip(series, histories, strict=True)
    ]


def read_adjustments(series: Iterable[Series]) -> dict[int, Adjustment]:
    """The same by primary key, of those that are kept as traded, without loading their bars: a look into the index for
    each action. A run that reads three years of thirty would else read all of them."""
    members = [member for member in series if is_as_traded(member)]
    actions = read_actions(members)
    closes = _read_closes_before(actions)
    return {member.pk: anchored(actions[member.pk], closes[member.pk]) for member in members}


def read_actions(series: Iterable[Series], *, kinds: Sequence[str] | None = None) -> dict[int, list[TimedAction]]:
    """All actions (of these `kinds`) by the series' primary key, in their order. No query for no series."""
    members, actions = {member.pk: member for member in series}, defaultdict[int, list[TimedAction]](list)
    if not members:
        return actions
    rows = CorporateAction.objects.filter(series__in=members).order_by("ex_day", "-kind")  # as TimedAction.order
    if kinds is not None:
        rows = rows.filter(kind__in=kinds)
    for pk, ex_day, kind, ratio, amount in rows.values_list("series_id", "ex_day", "kind", "ratio", "amount"):
        begins = day_begins(as_day(ex_day), members[pk].timeframe, _calendar(members[pk]))
        actions[pk].append(TimedAction(begins, kind, ratio or amount or 0.0))
    return actions


def _calendar(series: Series) -> str:
    """Only shorter bars ask for it, and so for the instrument, which may not be loaded."""
    return "" if series.timeframe in (Timeframe.DAY, Timeframe.WEEK) else series.instrument.calendar


def _before(actions: list[TimedAction], until: int | None) -> list[TimedAction]:
    return actions if until is None else [action for action in actions if action.time < until]


def _adjustment(actions: list[TimedAction], bars: Bars) -> Adjustment:
    return anchored(actions, closes_before(actions, bars))


def _read_closes_before(actions: Mapping[int, list[TimedAction]]) -> dict[int, Floats]:
    """As `closes_before`, by the series' primary key: one query."""
    closes = defaultdict(lambda: np.empty(0), {pk: np.full(len(own), np.nan) for pk, own in actions.items()})
    places = [(pk, place) for pk, own in actions.items() for place in range(len(own))]
    if not places:
        return closes
    moment = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    asked = ", ".join(f"({pk}, {place}, {moment})" for pk, place in places)
    query = f"""
        WITH asked (owner, place, moment) AS (VALUES {asked})
        SELECT owner, place, (
            SELECT close FROM {_BARS} WHERE series_id = owner AND timestamp < moment ORDER BY timestamp DESC LIMIT 1
        ) FROM asked
    """
    moments = [datetime.fromtimestamp(actions[pk][place].time, UTC) for pk, place in places]
    with connection.cursor() as cursor:
        cursor.execute(query, [connection.ops.adapt_datetimefield_value(moment) for moment in moments])
        for pk, place, close in cursor.fetchall():
            closes[pk][place] = np.nan if close is None else close
    return closes

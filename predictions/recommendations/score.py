"""Recommendations followed to their end: what came is written once, and added up by model.

Measured on 100,000: arrays in and one statement for thousands of rows out; Django's objects take ten times as long.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from numpy.typing import NDArray

from instruments.models import Series
from instruments.quant.features.daily import DAY
from instruments.store.columns import marked_bars
from instruments.store.read_bars import MarkedBars
from predictions.models import Label, Recommendation, RecommendationFlag, RecommendationSet
from predictions.quant.score import DayScore, Scorecard, hits, scorecard
from predictions.recommendations.days import universe_sessions
from predictions.recommendations.money import follow_tranches
from predictions.recommendations.waiting import waited_until

ScoredDays = dict[str, tuple[Scorecard, list[tuple[date, DayScore]]]]  # by version, newest first

_TABLE = Recommendation._meta.db_table
_TOGETHER = 64  # series read at a time: bounds the memory
_SLICE = 10_000  # rows a statement
_NEVER = 10**8  # a day number


@dataclass(frozen=True)
class Pending:
    """Recommendations of one series that wait, as arrays (n,); `at` is the time of their bar in seconds."""

    pk: NDArray[np.int64]
    set: NDArray[np.int64]
    at: NDArray[np.int64]
    label: NDArray[Any]


@dataclass(frozen=True)
class RealisedOutcomes:
    """Outcomes, as arrays (n,); `target` is the time of the bar that decided it, or of the day on which it was clear
    that the series has ended."""

    pk: NDArray[np.int64]
    set: NDArray[np.int64]
    realised: NDArray[np.float64]
    hit: NDArray[np.bool_]
    target: NDArray[np.int64]
    ended: NDArray[np.bool_]


def recommendations_score() -> int:
    """Writes the outcome of every recommendation whose horizon's last bar has come, or that was waited for long enough,
    and follows what the BUYs earn up to the newest bars. Says how many outcomes."""
    scored = _outcomes_write()
    follow_tranches()
    return scored


def _outcomes_write() -> int:
    pending = _pending()
    set_ids = {int(number) for waiting in pending.values() for number in np.unique(waiting.set)}
    of = RecommendationSet.objects.in_bulk(set_ids)
    until = waited_until(of.values())
    series = list(Series.objects.filter(pk__in=pending))
    outcomes: list[RealisedOutcomes] = []
    for start in range(0, len(series), _TOGETHER):
        group = series[start : start + _TOGETHER]
        for held, marked in zip(group, marked_bars(group), strict=True):
            outcomes += _outcomes(pending[held.pk], marked, of, until)
    if not outcomes:
        return 0
    whole = _together(outcomes)
    with transaction.atomic():
        scored = sum(_write(whole, slice(at, at + _SLICE)) for at in range(0, len(whole.pk), _SLICE))
        _flag(whole.pk[whole.ended].tolist())
        _add_up([of[number] for number in np.unique(whole.set).tolist()])
    return scored


def scorecards() -> dict[str, Scorecard]:
    """Of each model that has spoken in time of days that it had not seen, newest first."""
    return {version: card for version, (card, _) in scored_days().items()}


def scored_days(versions: Collection[str] | None = None) -> ScoredDays:
    """The same, each with its days, ascending; of these versions (None: of all). One query, of sums only."""
    sets = RecommendationSet.objects.counting()
    return _cards(sets if versions is None else sets.filter(version__in=versions))[False]


def scored_days_apart() -> tuple[ScoredDays, ScoredDays]:
    """Those said in time, and those of replays. One query."""
    cards = _cards(RecommendationSet.objects.filter(in_sample=False))
    return cards[False], cards[True]


def _cards(sets: QuerySet[RecommendationSet]) -> dict[bool, ScoredDays]:
    """By whether it was a replay, of those sets."""
    days: dict[tuple[bool, str], list[tuple[date, DayScore]]] = defaultdict(list)
    newest: dict[tuple[bool, str], tuple[int, str, str]] = {}
    # The promise as text: it is parsed for the newest day alone.
    columns = ("replay", "version", "as_of", "score", "horizon", Cast("promise", TextField()), "universe")
    for replay, version, as_of, score, *terms in sets.order_by("as_of").values_list(*columns):
        days[replay, version].append((as_of, DayScore(**score)))
        newest[replay, version] = (terms[0], terms[1], terms[2])
    of_universe: dict[str, set[date]] = defaultdict(set)
    for key, (_, _, universe) in newest.items():
        of_universe[universe].update((days[key][0][0], days[key][-1][0]))
    sessions = {universe: universe_sessions(universe, ends) for universe, ends in of_universe.items()}
    cards: dict[bool, ScoredDays] = {False: {}, True: {}}
    for replay, version in sorted(days, reverse=True):
        horizon, text, universe = newest[replay, version]
        promise, scores = json.loads(text), days[replay, version]
        card = scorecard(
            scores,
            horizon=horizon,
            tested=promise["precision"],
            interval=promise["interval"],
            sessions=sessions[universe],
        )
        cards[replay][version] = (card, scores)
    return cards


def _pending() -> dict[int, Pending]:
    """By series."""
    rows = Recommendation.objects.pending().order_by()
    columns = rows.values_list("series_id", "pk", "set_id", "bar_at", "label")
    waiting_rows: dict[int, list[tuple[int, int, int, str]]] = defaultdict(list)
    seconds: dict[datetime, int] = {}  # a few hundred days: each is turned into seconds once
    for series, pk, of, at, label in columns.iterator(chunk_size=20_000):
        assert at is not None
        if at not in seconds:
            seconds[at] = int(at.timestamp())
        waiting_rows[series].append((pk, of, seconds[at], label))
    return {
        series: Pending(np.array(pk), np.array(of), np.array(at), np.array(label))
        for series, (pk, of, at, label) in ((s, zip(*lines, strict=True)) for s, lines in waiting_rows.items())
    }


def _outcomes(
    waiting: Pending, marked: MarkedBars, of: dict[int, RecommendationSet], until: dict[int, int]
) -> Iterator[RealisedOutcomes]:
    """Of one series, for each horizon and bounds that its recommendations have: up to the horizon's last candle, or up
    to the last one before the day `until` which it is waited for. A bar that is gone leaves its own pending; one that
    is no candle stands for the candle before it, whose price it carries forward."""
    candles = marked.candles.adjusted()
    time, close = candles.time, candles.close
    is_there = np.isin(waiting.at, marked.stored.time)
    if not is_there.any():
        return
    place = np.maximum(np.searchsorted(time, waiting.at, side="right") - 1, 0)
    numbers, own = np.unique(waiting.set, return_inverse=True)
    terms = [_terms(of[number]) for number in numbers.tolist()]
    last_day = np.array([until.get(number, _NEVER) for number in numbers.tolist()])[own]
    for horizon, buy, sell in set(terms):
        target = np.minimum(place + horizon, len(time) - 1)
        has_come = (place + horizon < len(time)) & (time[target] // DAY <= last_day)
        ended = ~has_come & (last_day < _NEVER)
        target = np.where(ended, np.searchsorted(time // DAY, last_day, side="right") - 1, target)
        due = np.array([one == (horizon, buy, sell) for one in terms])[own]
        due &= is_there & (has_come | ended)
        if due.any():
            returns = (close[target] / close[place] - 1.0)[due]
            hit = hits(waiting.label[due], returns, buy=buy, sell=sell)
            at = np.where(ended, last_day * DAY, time[target])[due]
            yield RealisedOutcomes(waiting.pk[due], waiting.set[due], returns, hit, at, ended[due])


def _terms(recommendation_set: RecommendationSet) -> tuple[int, float, float]:
    return recommendation_set.horizon, recommendation_set.buy_threshold, recommendation_set.sell_threshold


def _together(outcomes: list[RealisedOutcomes]) -> RealisedOutcomes:
    """As one, in the order in which the rows lie: neighbours are written together."""
    columns = [np.concatenate([getattr(batch, field.name) for batch in outcomes]) for field in fields(RealisedOutcomes)]
    order = np.argsort(columns[0])
    return RealisedOutcomes(*(column[order] for column in columns))


def _write(outcomes: RealisedOutcomes, rows: slice) -> int:
    """Only onto rows that have no outcome: what was written stays. How many were."""
    columns = [column[rows].tolist() for column in (outcomes.pk, outcomes.realised, outcomes.hit, outcomes.target)]
    now = timezone.now()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {_TABLE} SET realised_return = v.realised, hit = v.hit, scored_at = %s, "
                "target_at = to_timestamp(v.target) "
                "FROM unnest(%s::bigint[], %s::float8[], %s::bool[], %s::bigint[]) "
                f"AS v(pk, realised, hit, target) WHERE id = v.pk AND {_TABLE}.realised_return IS NULL",
                [now, *columns],
            )
        else:
            adapt = connection.ops.adapt_datetimefield_value
            moments = {at: adapt(datetime.fromtimestamp(at, UTC)) for at in set(columns[3])}
            done = adapt(now)
            cursor.executemany(
                f"UPDATE {_TABLE} SET realised_return = %s, hit = %s, target_at = %s, scored_at = %s "
                "WHERE id = %s AND realised_return IS NULL",
                [(r, hit, moments[at], done, pk) for pk, r, hit, at in zip(*columns, strict=True)],
            )
        return int(cursor.rowcount)


def _flag(ended: list[int]) -> None:
    rows = list(Recommendation.objects.filter(pk__in=ended).only("flags"))
    for row in rows:
        row.flags = [*row.flags, RecommendationFlag.ENDED]
    Recommendation.objects.bulk_update(rows, ["flags"], batch_size=500)


def _add_up(sets: list[RecommendationSet]) -> None:
    """The sums of these sets anew, from all that they have scored; and whether anything still waits."""
    by_label = {
        f"{name}{what}": Count("pk", filter=Q(label=label, hit__isnull=False) & extra)
        for label, name in ((Label.BUY, "buy"), (Label.HOLD, "hold"), (Label.SELL, "sell"))
        for what, extra in (("s", Q()), ("_hits", Q(hit=True)))
    }
    scored_buys = Q(label=Label.BUY, hit__isnull=False)
    names = [one.name for one in fields(DayScore)]
    for bound in {one.buy_threshold for one in sets}:
        numbers = [one.pk for one in sets if one.buy_threshold == bound]
        rows = Recommendation.objects.filter(set__in=numbers).order_by().values("set")
        counted = rows.annotate(
            scored=Count("hit"),
            rose=Count("pk", filter=Q(realised_return__gte=bound)),
            promised=Sum("p_buy", filter=scored_buys, default=0.0),
            earned=Sum("realised_return", filter=scored_buys, default=0.0),
            waiting=Count("pk", filter=Q(hit=None) & ~Q(label="")),
            **by_label,
        )
        changed = [
            RecommendationSet(pk=pk, is_open=waiting > 0, score=dict(zip(names, sums, strict=True)))
            for pk, waiting, *sums in counted.values_list("set", "waiting", *names)
        ]
        RecommendationSet.objects.bulk_update(changed, ["is_open", "score"])

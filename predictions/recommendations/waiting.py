"""How long a recommendation is waited for: a series without enough candles by then has ended (PROTOCOL §4)."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

import numpy as np
from django.db.models import Max

from instruments.models import Series
from instruments.quant.features.daily import DAY
from instruments.store.columns import marked_bars
from predictions.models import Recommendation, RecommendationSet
from training.quant.universe.days import counted_days
from training.quant.universe.forward import PATIENCE

_EPOCH = date(1970, 1, 1)
_SPAN = 90  # days of sets whose bars are read together: bounds the memory


def waited_until(sets: Collection[RecommendationSet]) -> dict[int, int]:
    """By a set's key, the day number of the last day that it is waited for: of twice its horizon of days after it that
    count for its instruments. Sets for which that day hasn't come are left out."""
    newest = Series.objects.aggregate(newest=Max("last"))["newest"]
    old = [each for each in sets if newest and each.as_of + timedelta(days=_patience(each)) <= newest.date()]
    ordered = sorted(old, key=lambda each: (each.universe, each.as_of))
    until: dict[int, int] = {}
    for _, group in groupby(ordered, key=lambda each: (each.universe, (each.as_of - _EPOCH).days // _SPAN)):
        until |= _waited_until(list(group))
    return until


def _waited_until(sets: list[RecommendationSet]) -> dict[int, int]:
    """Of sets of one universe that lie near one another, by day."""
    spoken_of: dict[int, list[int]] = defaultdict(list)
    rows = Recommendation.objects.filter(set__in=sets).exclude(label="").order_by()
    for set_id, series_id in rows.values_list("set", "series"):
        spoken_of[set_id].append(series_id)
    series = list(Series.objects.filter(pk__in={pk for pks in spoken_of.values() for pk in pks}).order_by("pk"))
    start = datetime.combine(sets[0].as_of + timedelta(days=1), time.min, tzinfo=UTC)
    longest = timedelta(days=3 * max(map(_patience, sets)) + 60)  # weekends and holidays among them
    end = datetime.combine(sets[-1].as_of + longest, time.max, tzinfo=UTC)
    numbers = [marked.between(start, end).candles.time // DAY for marked in marked_bars(series)]
    days = np.unique(np.concatenate([*numbers, np.zeros(0, dtype=np.int64)]))
    traded = np.zeros((len(days), len(series)), dtype=np.bool_)
    for place, number in enumerate(numbers):
        traded[np.searchsorted(days, number), place] = True
    column = {each.pk: place for place, each in enumerate(series)}
    until = {}
    for each in sets:
        first = int(np.searchsorted(days, (each.as_of - _EPOCH).days, side="right"))
        own = traded[first:, [column[pk] for pk in spoken_of[each.pk]]]
        counted = days[first:][counted_days(own, just_traded=True)]
        if len(counted) >= _patience(each):
            until[each.pk] = int(counted[_patience(each) - 1])
    return until


def _patience(recommendation_set: RecommendationSet) -> int:
    return PATIENCE * recommendation_set.horizon

"""The lines of a set written: thousands at a time, past Django's objects, which take ten times as long."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

import numpy as np
from django.db import connection

from instruments.health.worst import open_findings
from instruments.models import Series
from predictions.models import Recommendation, RecommendationFlag, RecommendationSet
from predictions.quant.recommend import Advice
from training.quant.universe.panel import CLASSES
from training.quant.universe.spec import WARM_UP

_TOGETHER = 500  # rows of a statement
_REACH = timedelta(days=1.5 * WARM_UP)  # calendar days of bars that a day's features hang on
_COLUMNS = (
    *("set_id", "series_id", "bar_at", "label", "p_sell", "p_hold", "p_buy", "expected_return", "rank"),
    *("flags", "features"),
)


def rows_create(
    recommendation_set: RecommendationSet, advice: Advice, series: Sequence[Series], lasts: Sequence[int | None]
) -> None:
    """From the last rank to the first, so that lists by key, newest first, begin with the best. `lasts`: seconds of the
    last bar of each. Raises Django's IntegrityError."""
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    insert = f"INSERT INTO {Recommendation._meta.db_table} ({', '.join(_COLUMNS)}) VALUES "
    rows = list(_rows(recommendation_set, advice, series, lasts))
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _TOGETHER):
            part = rows[start : start + _TOGETHER]
            cursor.execute(insert + ", ".join([row] * len(part)), list(chain.from_iterable(part)))


def _rows(
    recommendation_set: RecommendationSet, advice: Advice, series: Sequence[Series], lasts: Sequence[int | None]
) -> Iterator[tuple[Any, ...]]:
    adapt, binary = connection.ops.adapt_datetimefield_value, connection.Database.Binary  # type: ignore[attr-defined]
    moments = {last: None if last is None else adapt(datetime.fromtimestamp(last, UTC)) for last in set(lasts)}
    flags, features = _flags(recommendation_set, advice, series), advice.features.astype("<f4")
    figures = np.column_stack([advice.probabilities, advice.expected]).tolist()
    order = np.argsort(np.where(advice.rank > 0, -advice.rank, -len(series) - 1), kind="stable")
    for j in order.tolist():
        label = int(advice.label[j])
        said = ("", *[None] * 5) if label < 0 else (CLASSES[label], *figures[j], int(advice.rank[j]))
        given = binary(features[j].tobytes())
        yield (recommendation_set.pk, series[j].pk, moments[lasts[j]], *said, flags[j], given)


def doubts_about(as_of: date, series: Sequence[int]) -> dict[int, str]:
    """What checks have found in the bars that the features of this day are made of, and nobody has settled."""
    last = datetime.combine(as_of, time.max, tzinfo=UTC)
    return open_findings(series, last - _REACH, last)


def _flags(recommendation_set: RecommendationSet, advice: Advice, series: Sequence[Series]) -> list[str]:
    """Of each, as JSON."""
    doubts = doubts_about(recommendation_set.as_of, [each.pk for each in series])
    by_flag = {
        RecommendationFlag.OUT_OF_RANGE: advice.outside,
        RecommendationFlag.STALE: advice.stale,
        RecommendationFlag.NO_FEATURES: advice.lacking,
        RecommendationFlag.IN_SAMPLE: np.full(len(advice.rank), recommendation_set.in_sample),
        RecommendationFlag.OPEN_FINDING: np.array([each.pk in doubts for each in series]),
    }
    rows = zip(*(mask.tolist() for mask in by_flag.values()), strict=True)
    return [json.dumps([flag for flag, is_set in zip(by_flag, row, strict=True) if is_set]) for row in rows]

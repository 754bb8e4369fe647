"""What following each set of recommendations earns: kept day by day when scoring, read by the scorecard."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np

from instruments.models import Series
from instruments.quant.bars import Bars
from instruments.quant.features.daily import DAY
from instruments.store.columns import marked_bars
from predictions.models import Label, Recommendation, RecommendationSet, Tranche
from predictions.quant.money import Ints, Portfolio, Prices, combine_tranches, follow_tranche
from training.quant.candle.spec import COST_BP

_EPOCH = date(1970, 1, 1)
_SPAN = 90  # days of sets whose bars are read together: bounds the memory


class _AdvisedRow(NamedTuple):
    row: int
    series: int
    label: str


def follow_tranches() -> None:
    """Follows every set whose tranche isn't sold yet up to the newest bars. In-sample sets earn nothing."""
    sets = RecommendationSet.objects.filter(in_sample=False).exclude(tranche__is_over=True)
    ordered = sets.order_by("universe", "as_of", "pk").only("universe", "as_of", "horizon")
    for _, group in groupby(ordered, key=lambda each: (each.universe, (each.as_of - _EPOCH).days // _SPAN)):
        tranches = list(_followed(list(group)))
        columns = ["is_over", "days", "positions"]
        Tranche.objects.bulk_create(tranches, update_conflicts=True, unique_fields=["set"], update_fields=columns)


def portfolios(*, replay: bool, versions: Collection[str]) -> dict[str, Portfolio]:
    """Of each of these models that has a day: its tranches together. One query.

    What is said in time has 1/horizon of the capital a day, as in a backtest; a replay speaks once a week or a month,
    so its capital is divided by the most tranches that are held at once.
    """
    followed = Tranche.objects.filter(set__in_sample=False, set__replay=replay, set__version__in=versions)
    tranches: dict[str, list[tuple[bytes, bool]]] = defaultdict(list)
    horizons: dict[str, int] = {}
    columns = ("set__version", "set__horizon", "days", "is_over")
    for version, horizon, days, is_over in followed.order_by("set__as_of").values_list(*columns):
        tranches[version].append((bytes(days), is_over))
        horizons[version] = horizon
    together = {
        version: combine_tranches(own, shares=None if replay else horizons[version])
        for version, own in tranches.items()
    }
    return {version: portfolio for version, portfolio in together.items() if portfolio}


def _followed(sets: list[RecommendationSet]) -> Iterator[Tranche]:
    """Of sets of one universe that lie near one another."""
    advised: dict[int, list[_AdvisedRow]] = defaultdict(list)
    rows = Recommendation.objects.filter(set__in=sets).exclude(label="").order_by("set_id", "rank")
    for set_id, row, number, label in rows.values_list("set", "pk", "series", "label"):
        advised[set_id].append(_AdvisedRow(row, number, label))
    numbers = {line.series for lines in advised.values() for line in lines}
    series = list(Series.objects.filter(pk__in=numbers).order_by("pk"))
    if not series:
        return
    horizon = max(each.horizon for each in sets)
    start = datetime.combine(sets[0].as_of + timedelta(days=1), time.min, tzinfo=UTC)
    end = datetime.combine(sets[-1].as_of + timedelta(days=3 * horizon + 30), time.max, tzinfo=UTC)
    prices = _prices([marked.between(start, end).candles.adjusted() for marked in marked_bars(series)])
    column = {each.pk: place for place, each in enumerate(series)}
    for recommendation_set in sets:
        if lines := advised[recommendation_set.pk]:
            yield _tranche(recommendation_set, lines, prices, np.array([column[line.series] for line in lines]))


def _tranche(recommendation_set: RecommendationSet, lines: list[_AdvisedRow], prices: Prices, columns: Ints) -> Tranche:
    """`columns` of the prices are those of `lines`."""
    first = int(np.searchsorted(prices.days, (recommendation_set.as_of - _EPOCH).days, side="right"))
    bought = np.array([line.label == Label.BUY for line in lines])
    horizon = recommendation_set.horizon
    followed = follow_tranche(prices.of(first, columns), bought, horizon=horizon, cost_bp=COST_BP)
    positions = [{**asdict(position), "row": lines[position.place].row} for position in followed.positions]
    return Tranche(set=recommendation_set, is_over=followed.is_over, days=followed.as_bytes(), positions=positions)


def _prices(bars: list[Bars]) -> Prices:
    days = np.unique(np.concatenate([history.time // DAY for history in bars]))
    columns = np.full((4, len(days), len(bars)), np.nan)
    for place, history in enumerate(bars):
        own = np.searchsorted(days, history.time // DAY)
        columns[:, own, place] = history.open, history.high, history.low, history.close
    return Prices(days, *columns)

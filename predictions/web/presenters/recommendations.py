"""One day's recommendations as a page shows them: chosen, sorted, in parts; and why one of them was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db.models import Avg, Count, F, Q
from django.db.models.expressions import OrderBy

from instruments.quant.features.daily import DAILY_FEATURES
from instruments.web.sparklines import Sparkline, sparklines
from predictions.models import Label, Recommendation, RecommendationFlag, RecommendationSet
from predictions.recommendations.days import NotAdvisable, coverage_of
from predictions.recommendations.make import USUAL_HORIZON, universe_models
from predictions.recommendations.rows import doubts_about
from training.artifacts.loading import stored_universe_model
from training.models import ModelVersion
from training.quant.universe.panel import CLASSES, COLUMNS
from training.web.presenters.models import model_lines

PAGE = 100  # rows
REASONS = 10  # features
SORTS = {  # name in the address -> (column, heading); a minus before the name: largest first
    "rank": ("rank", "Rank"),
    "symbol": ("series__instrument__symbol", "Symbol"),
    "label": ("label", "Recommendation"),
    "p_buy": ("p_buy", "P(BUY), %"),
    "p_hold": ("p_hold", "P(HOLD), %"),
    "p_sell": ("p_sell", "P(SELL), %"),
    "expected": ("expected_return", "Expected return, %"),
    "came": ("realised_return", "Realised return, %"),
}
TEXTS = ("rank", "symbol", "label")  # columns that are sorted upwards first


@dataclass(frozen=True)
class Heading:
    """Of a column: the sort that a click asks for, and how it is sorted now."""

    label: str
    sort: str
    now: str  # "ascending", "descending" or empty
    is_number: bool


@dataclass(frozen=True)
class Line:
    row: Recommendation
    sparkline: Sparkline | None
    flags: list[tuple[str, str]]  # in short, and in a sentence


def chosen_set(query: Mapping[str, str]) -> RecommendationSet | None:
    """By `day`, `universe` and `version`; without a day the newest. Without a version that of the universe's active
    model, without a universe that of an active model: the usual horizon first, then universes by name."""
    sets = RecommendationSet.objects.newest_first()
    if day := _day(query.get("day", "")):
        sets = sets.filter(as_of=day)
    universe, version = query.get("universe", ""), query.get("version", "")
    if version and (not universe or sets.model.objects.filter(universe=universe, version=version).exists()):
        return sets.filter(version=version).first()
    if universe:
        sets = sets.filter(universe=universe)
    active = ModelVersion.objects.existing().filter(is_active=True).exclude(universe="")
    for model in sorted(active, key=lambda one: (one.horizon != USUAL_HORIZON, one.universe, one.horizon)):
        if chosen := sets.filter(version=model.version).first():
            return chosen
    return sets.first()


def set_context(query: Mapping[str, str]) -> dict[str, Any]:
    """Everything of the page; as many queries for a hundred thousand rows as for one, each of one set alone."""
    recommendation_set = chosen_set(query)
    named = RecommendationSet.objects.order_by().values_list("universe", "version").distinct()
    pairs = sorted(named, reverse=True)
    universe = recommendation_set.universe if recommendation_set else query.get("universe", "")
    context: dict[str, Any] = {
        "recommendation_set": recommendation_set,
        "universes": sorted({name for name, _ in pairs}),
        "universe": universe,
        "versions": [version for name, version in pairs if name == universe],
        "labels": Label.choices,
        "label": query.get("label", ""),
        "day": query.get("day", ""),
        "has_models": universe_models().exists(),
    }
    if recommendation_set is None:
        return context
    rows = chosen_rows(recommendation_set, query)
    start = int(query["from"]) if query.get("from", "").isdecimal() and len(query["from"]) < 7 else 0
    page = list(rows[start : start + PAGE + 1])
    same = RecommendationSet.objects.filter(version=recommendation_set.version)
    model_lines_of_version = model_lines(
        list(universe_models().select_related("series__instrument").filter(version=recommendation_set.version))
    )
    return context | {
        "model_line": model_lines_of_version[0] if model_lines_of_version else None,
        "lines": _lines(page[:PAGE]),
        "headings": _headings(query.get("sort", "rank")),
        "start": start,
        "following": start + PAGE if len(page) > PAGE else None,
        "preceding": max(0, start - PAGE) if start else None,
        "earlier": same.filter(as_of__lt=recommendation_set.as_of)
        .order_by("-as_of")
        .values_list("as_of", flat=True)
        .first(),
        "later": same.filter(as_of__gt=recommendation_set.as_of)
        .order_by("as_of")
        .values_list("as_of", flat=True)
        .first(),
        "counts": set_counts(recommendation_set),
        "newest_bar": _newest_bar(recommendation_set),
    }


def _newest_bar(recommendation_set: RecommendationSet) -> str:
    """How old the universe's newest bar is, where this is the day of it and it is stale."""
    try:
        known = coverage_of(recommendation_set.universe)
    except NotAdvisable:
        return ""
    return str(known) if known.is_stale and known.newest == recommendation_set.as_of else ""


def chosen_rows(recommendation_set: RecommendationSet, query: Mapping[str, str]) -> Any:
    """Rows of a set by `label` and `sort`."""
    rows = recommendation_set.rows.light()
    if query.get("label") in Label.values:
        rows = rows.filter(label=query["label"])
    return rows.order_by(_order(query.get("sort", "rank")), "rank", "pk")


def set_counts(recommendation_set: RecommendationSet) -> dict[str, Any]:
    """How many of each label, how many without; mean P(BUY) of the BUYs; how many were scored, and were right."""
    counted = {label.lower(): Count("pk", filter=Q(label=label)) for label in Label.values}
    counts: dict[str, Any] = recommendation_set.rows.order_by().aggregate(
        **counted,
        silent=Count("pk", filter=Q(label="")),
        promised=Avg("p_buy", filter=Q(label=Label.BUY)),
        scored=Count("pk", filter=Q(hit__isnull=False)),
        hits=Count("pk", filter=Q(hit=True)),
    )
    return counts | {"hit_rate": counts["hits"] / counts["scored"] if counts["scored"] else None}


@dataclass(frozen=True)
class Reason:
    """What one feature adds to the raw score of what was said; `width` and `x` (0 to 100) draw it."""

    feature: str
    formula: str
    value: float | None
    low: float
    high: float
    adds: float
    x: float
    width: float

    @property
    def is_outside(self) -> bool:
        return self.value is not None and not self.low <= self.value <= self.high


def reasons(row: Recommendation) -> list[Reason]:
    """The features that weighed most, from what the model was given then. Raises RunRefused("integrity"), and
    ModelVersion.DoesNotExist where the model was deleted."""
    model = stored_universe_model(row.set.version)
    day = row.set.rows.exclude(label="").order_by("pk").values_list("pk", "features")
    place = [pk for pk, _ in day].index(row.pk)
    features = np.frombuffer(b"".join(bytes(one) for _, one in day), dtype="<f4").reshape(len(day), -1)
    adds, given = model.contributions(features.astype(np.float32), place, CLASSES.index(row.label)), features[place]
    most = np.argsort(-np.abs(adds), kind="stable")[:REASONS]
    scale = 50 / (float(np.abs(adds[most]).max()) or 1.0)
    formulas = {feature.name: feature.formula for feature in DAILY_FEATURES}
    return [
        Reason(
            feature=COLUMNS[k],
            formula=formulas.get(COLUMNS[k], "rank among the universe on that day, 0 to 1"),
            value=None if np.isnan(given[k]) else float(given[k]),
            low=model.features.columns[COLUMNS[k]].low,
            high=model.features.columns[COLUMNS[k]].high,
            adds=float(adds[k]),
            x=50 + min(0.0, float(adds[k]) * scale),
            width=abs(float(adds[k])) * scale,
        )
        for k in most.tolist()
    ]


def _lines(rows: list[Recommendation]) -> list[Line]:
    drawn = sparklines([row.series for row in rows])
    doubtful = [row.series_id for row in rows if RecommendationFlag.OPEN_FINDING in row.flags]
    doubts = doubts_about(rows[0].set.as_of, doubtful) if doubtful else {}
    return [
        Line(row, drawn.get(row.series_id), [_flag(name, doubts.get(row.series_id, "")) for name in row.flags])
        for row in rows
    ]


def _flag(name: str, doubt: str) -> tuple[str, str]:
    """Short and long; `doubt` is what is open about its bars."""
    is_open = name == RecommendationFlag.OPEN_FINDING and doubt
    return f"open finding: {doubt}" if is_open else name.replace("_", " "), RecommendationFlag(name).label


def _headings(sort: str) -> list[Heading]:
    headings = []
    for name, (_, label) in SORTS.items():
        upwards = name if name in TEXTS else f"-{name}"
        other = f"-{name}" if name in TEXTS else name
        now = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
        headings.append(Heading(label, other if sort == upwards else upwards, now, name not in ("symbol", "label")))
    return headings


def _order(sort: str) -> OrderBy:
    column, _ = SORTS.get(sort.removeprefix("-"), SORTS["rank"])
    return F(column).desc(nulls_last=True) if sort.startswith("-") else F(column).asc(nulls_last=True)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

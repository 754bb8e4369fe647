"""A recommendation as JSON, and a set of them: what command and API answer."""

from typing import Any

from predictions.models import Recommendation, RecommendationSet
from training.quant.candle.spec import format_time

FIELDS = ("symbol", "label", "p_buy", "p_hold", "p_sell", "expected_return", "rank", "flags", "version", "as_of",
          "made_at", "realised_return", "hit", "model_hash", "in_sample", "replay", "universe", "horizon")  # fmt: skip


def recommendation_json(row: Recommendation) -> dict[str, Any]:
    """Needs `set` and `series__instrument` loaded. `label` is null where nothing is said, `hit` while it is pending."""
    of = row.set
    return {
        "symbol": row.series.instrument.symbol,
        "label": row.label or None,
        "p_buy": row.p_buy,
        "p_hold": row.p_hold,
        "p_sell": row.p_sell,
        "expected_return": row.expected_return,
        "rank": row.rank,
        "flags": row.flags,
        "version": of.version,
        "as_of": of.as_of.isoformat(),
        "made_at": format_time(of.made_at),
        "realised_return": row.realised_return,
        "hit": row.hit,
        "model_hash": of.model_hash,
        "in_sample": of.in_sample,
        "replay": of.replay,
        "universe": of.universe,
        "horizon": of.horizon,
    }


def recommendations_json(page: list[Recommendation]) -> list[dict[str, Any]]:
    return [recommendation_json(row) for row in page]


def set_json(recommendation_set: RecommendationSet) -> dict[str, Any]:
    """The JSON of `recommend`: by rank, then those of which nothing is said."""
    rows = recommendation_set.rows.light().order_by("-id")
    return {
        "version": recommendation_set.version,
        "as_of": recommendation_set.as_of.isoformat(),
        "made_at": format_time(recommendation_set.made_at),
        "model_hash": recommendation_set.model_hash,
        "universe": recommendation_set.universe,
        "horizon": recommendation_set.horizon,
        "in_sample": recommendation_set.in_sample,
        "replay": recommendation_set.replay,
        "lost": recommendation_set.lost,
        "recommendations": recommendations_json(list(rows)),
    }

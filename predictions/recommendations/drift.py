"""Drift of models in use: looked for in what they were given and said, and noted once."""

import logging
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from boursomatic.notices.models import Notice, NoticeKind
from boursomatic.notices.services import notice_make
from predictions.models import Recommendation, RecommendationSet
from predictions.quant.drift import SCORES_TIMES, Shift, enough_days, recent_scorecard, shift
from predictions.quant.score import Scorecard
from predictions.recommendations.days import universe_sessions
from predictions.recommendations.make import universe_models
from predictions.recommendations.score import scored_days
from training.artifacts.loading import stored_universe_model
from training.errors import RunRefused
from training.models import ModelVersion
from training.quant.stats.stability import STRETCH
from training.quant.universe.panel import COLUMNS

log = logging.getLogger("boursomatic.drift")


@dataclass(frozen=True)
class DriftReport:
    """Of one model up to `day`: shifts are None before it has spoken on a stretch of days; `problem` says why nothing
    could be looked at."""

    version: str
    day: date
    days: int
    features: Shift | None
    scores: Shift | None
    recent: Scorecard
    problem: str = ""


def drift_look() -> list[DriftReport]:
    """At every active model that has spoken of days that it had not seen."""
    active = list(universe_models().filter(is_active=True).order_by("-pk"))
    scored = scored_days([model.version for model in active])
    return [_look(model, scored[model.version][1]) for model in active if model.version in scored]


def drift_notice() -> tuple[list[DriftReport], list[Notice]]:
    """The same, and a notice of each bound that is passed: made once for a model, day and kind."""
    reports = drift_look()
    notices = [
        notice
        for report in reports
        for kind, text, measures in _passed(report)
        if (notice := notice_make(kind, report.version, text, day=report.day, details=measures))
    ]
    return reports, notices


def _look(model: ModelVersion, days: list[tuple[date, Any]]) -> DriftReport:
    sets = RecommendationSet.objects.counting().filter(version=model.version).newest_first()
    newest = list(sets[:STRETCH])
    card = recent_scorecard(
        days,
        horizon=newest[0].horizon,
        promise=newest[0].promise,
        sessions=universe_sessions(model.universe, [day for day, _ in days]),
    )
    features = scores = None
    problem = ""
    if enough_days(len(newest)):
        try:
            features, scores = _shifts(model, newest)
        except RunRefused as error:
            problem = str(error)
    return DriftReport(model.version, newest[0].as_of, len(newest), features, scores, card, problem)


def _shifts(model: ModelVersion, sets: list[RecommendationSet]) -> tuple[Shift | None, Shift | None]:
    """From what the model was given then, whatever became of the bars."""
    stored = stored_universe_model(model.version)
    rows = Recommendation.objects.filter(set__in=sets).exclude(label="").order_by()
    lines = list(rows.values_list("features", "p_sell", "p_hold", "p_buy"))
    if not lines:
        return None, None
    given = np.frombuffer(b"".join(bytes(line[0]) for line in lines), dtype="<f4").reshape(-1, len(COLUMNS))
    scores = np.array([line[1:] for line in lines], dtype=np.float64)
    return shift(stored.features, given), shift(stored.scores, scores, times=SCORES_TIMES)


def _passed(drift_report: DriftReport) -> list[tuple[NoticeKind, str, dict[str, Any]]]:
    passed: list[tuple[NoticeKind, str, dict[str, Any]]] = []
    for kind, shifted, what in (
        (NoticeKind.FEATURES, drift_report.features, "The features"),
        (NoticeKind.SCORES, drift_report.scores, "The scores"),
    ):
        if shifted and shifted.is_beyond:
            text = (
                f"{what} of the last {STRETCH} recommendation days differ from training more than any {STRETCH} "
                f"training days did: mean PSI {shifted.psi:.2f}, bound {shifted.bound:.2f}; most in {shifted.worst}."
            )
            passed.append((kind, text, asdict(shifted)))
    card = drift_report.recent
    if card.is_below:
        assert card.promised is not None and card.delivered is not None and card.interval is not None
        text = (
            f"Of {card.buys} BUY signals on the last {card.days} scored days {card.delivered:.1%} were hits; the model "
            f"predicted {card.promised:.1%}, its test days had {card.interval[0]:.1%} to {card.interval[1]:.1%}."
        )
        passed.append((NoticeKind.PRECISION, text, card.as_dict()))
    return passed

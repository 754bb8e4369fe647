"""Recommendations made: at a universe's newest bar, on a past day, or on many days of a replay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from boursomatic.notices.models import NoticeKind
from boursomatic.notices.services import notice_make
from predictions.recipes.recommend.spec import RecommendSpec
from predictions.recommendations.days import Coverage, NotAdvisable, coverage_of
from predictions.recommendations.make import asked_models, challenger_of, recommendations_make
from training.errors import RunRefused
from training.models import ModelVersion, Reason
from training.recipes.base import Completed, Work


@dataclass(frozen=True)
class Saying:
    """One model asked about one day (None: the newest bar)."""

    model: ModelVersion
    as_of: date | None
    is_challenger: bool = False


def execute(work: Work) -> Completed:
    """By the named model, or by each active one and, on a schedule, its challenger. Raises RunRefused where nothing can
    be recommended."""
    spec = work.spec
    assert isinstance(spec, RecommendSpec)
    try:
        covered = coverage_of(spec.universe)
        if spec.replay:
            return Completed(result=_replayed(spec, covered, work))
        return Completed(result=_recommended(spec, covered, work))
    except NotAdvisable as error:
        raise RunRefused(Reason.BAD_DATA, str(error)) from error


def _recommended(spec: RecommendSpec, covered: Coverage, work: Work) -> dict[str, Any]:
    as_of = date.fromisoformat(spec.as_of) if spec.as_of else None
    sayings, sentences = list(_sayings(spec, as_of)), []
    for number, saying in enumerate(sayings):
        work.progress.stage("recommend", number / len(sayings), saying.model.version)
        try:
            recommendation_set, is_new = recommendations_make(
                model=saying.model, as_of=as_of, in_sample=spec.in_sample, work_out=work.work_out
            )
        except NotAdvisable:
            if not saying.is_challenger:
                raise
            sentences.append(f"challenger {saying.model.version}: not before the next session")
            continue
        who = "challenger " if saying.is_challenger else ""
        sentences.append(f"{who}{saying.model.version}: {recommendation_set.as_of}{'' if is_new else ', as before'}")
    result: dict[str, Any] = {
        "sentence": "; ".join(sentences),
        "version": sayings[0].model.version,
        "day": recommendation_set.as_of.isoformat(),
    }
    if spec.schedule and covered.is_stale:
        _note_stale(sayings[0].model, covered)
    if as_of is None:
        result["sentence"] += f" ({covered})"
        result |= {
            "newest_bar": str(covered.newest),
            "sessions_old": covered.sessions_old,
            "is_stale": covered.is_stale,
        }
    return result


def _note_stale(model: ModelVersion, covered: Coverage) -> None:
    text = (
        f"The universe {model.universe} has had no new bars: {covered}. Recommendations on it are about days gone by."
    )
    details = {"sessions_old": covered.sessions_old, "universe": model.universe}
    notice_make(NoticeKind.STALE, model.version, text, day=covered.newest, details=details)


def _sayings(spec: RecommendSpec, as_of: date | None) -> Iterator[Saying]:
    for model in asked_models(spec.universe, spec.version):
        yield Saying(model, as_of)
        if spec.schedule and (challenger := challenger_of(model)):
            yield Saying(challenger, as_of, is_challenger=True)


def _replayed(spec: RecommendSpec, covered: Coverage, work: Work) -> dict[str, Any]:
    assert spec.replay is not None
    models = asked_models(spec.universe, spec.version)
    days = [day for day in spec.replay.period_ends() if covered.first <= day < covered.newest]
    new_days, before = [], 0
    for number, (model, day) in enumerate([(model, day) for model in models for day in days]):
        work.progress.stage("replay", number / (len(models) * len(days)), f"{model.version} on {day}")
        try:
            recommendation_set, is_new = recommendations_make(
                model=model, as_of=day, replay=True, work_out=work.work_out
            )
        except NotAdvisable:  # seen by the model, or in a hole of the bars
            continue
        new_days += [recommendation_set.as_of] if is_new else []
        before += not is_new
    if not new_days and not before:
        raise NotAdvisable(f"None of the days up to {spec.replay.last} is open: the model has seen their outcomes.")
    versions = ", ".join(model.version for model in models)
    span = f", {min(new_days)} to {max(new_days)}" if new_days else ""
    again = f"; {before} had been recommended before" if before else ""
    return {
        "sentence": f"{versions}: {len(new_days)} days replayed{span}{again}",
        "version": models[0].version,
        "day": max(new_days).isoformat() if new_days else None,
        "replayed": len(new_days),
        "before": before,
    }

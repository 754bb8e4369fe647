"""Recommendations made: the active model of a universe asked about one day, and its answer kept before the future
arrives."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from boursomatic.accounts.audit import audit
from boursomatic.notices.models import NoticeKind
from boursomatic.notices.services import notice_make
from instruments.calendars.sessions import sessions_between
from instruments.models import Series
from instruments.quant.bars import Bars
from instruments.quant.calendars import as_date, as_day
from instruments.quant.features.daily import DAY, get_feature_columns
from instruments.quant.membership import ALWAYS, member_mask
from instruments.store.columns import FeaturedCandles, featured_candles
from instruments.universes import Membership, UnknownUniverse, universe_membership, universe_series
from predictions.models import RecommendationSet
from predictions.quant.recommend import advise
from predictions.recommendations.days import InSample, NotAdvisable, coverage, require_open, used_until
from predictions.recommendations.rows import rows_create
from training.artifacts.loading import stored_universe_model, universe_files
from training.models import ModelVersion
from training.quant.chunks import Chunk, WorkOut
from training.quant.universe.day_chunk import day_chunk
from training.quant.universe.model import Floats, Ints, Singles, UniverseModel
from training.quant.universe.panel import CLASSES
from training.quant.universe.predictions import Predictions
from training.registry.gate import OLDEST_SESSIONS

USUAL_HORIZON = 20  # of several active models of a universe
LARGE = 5_000  # instruments from which on a day is worked out where the site has its chunks worked out


def active_models(universe: str) -> list[ModelVersion]:
    """The active models of a universe, the usual horizon first."""
    found = universe_models().filter(universe=universe, is_active=True)
    return sorted(found, key=lambda one: (one.horizon != USUAL_HORIZON, one.horizon))


def challenger_of(champion: ModelVersion) -> ModelVersion | None:
    """The newest model of the champion's scope that was trained after it, and as of no day gone by."""
    same = universe_models().filter(universe=champion.universe, horizon=champion.horizon, is_active=False)
    return same.filter(pk__gt=champion.pk, run__config__as_of=None).order_by("-pk").first()


def active_model(universe: str) -> ModelVersion:
    """The active model of a universe; of several horizons the usual one. Raises NotAdvisable."""
    found = {one.horizon: one for one in active_models(universe)}
    if USUAL_HORIZON in found or len(found) == 1:
        return found.get(USUAL_HORIZON) or next(iter(found.values()))
    if found:
        named = ", ".join(f"{one.version} ({horizon} trading days)" for horizon, one in sorted(found.items()))
        raise NotAdvisable(f"Several models of {universe} are active; name one of them: {named}.")
    raise NotAdvisable(f"No model of the universe {universe} is active. Train one and activate it, or name a model.")


def named_model(version: str) -> ModelVersion:
    """A universe's model by its version, active or not. Raises NotAdvisable."""
    found = universe_models().filter(version=version).first()
    if found is None:
        raise NotAdvisable(f"There is no model {version} of a universe.")
    return found


def asked_models(universe: str, version: str | None) -> list[ModelVersion]:
    """The model of `universe` with this version; None: its active ones, the usual horizon first.

    Raises NotAdvisable.
    """
    if version is None:
        if models := active_models(universe):
            return models
        raise NotAdvisable(f"No model of the universe {universe} is active. Activate one, or name a model.")
    model = named_model(version)
    if model.universe != universe:
        raise NotAdvisable(f"{version} is a model of the universe {model.universe}, not of {universe}.")
    return [model]


def universe_models() -> QuerySet[ModelVersion]:
    """Those that were not deleted, with their runs and the names of these."""
    return ModelVersion.objects.existing().exclude(universe="").select_related("run__description")


def recommendations_make(
    *,
    model: ModelVersion,
    as_of: date | None,
    in_sample: bool = False,
    replay: bool = False,
    work_out: WorkOut = Chunk.work_out,
) -> tuple[RecommendationSet, bool]:
    """The set of `model` for the last session on or before `as_of` (None: the newest bar, however old), and whether it
    was made now: what was said before stays. Of the universe's members on that session, from bars up to it. `replay`
    marks what is said after the event, and counted apart.

    Raises NotAdvisable for a day that the model has seen (unless `in_sample`), and where there are no bars or, on a
    named day, only old ones; RunRefused("integrity") for a model whose files have changed.
    """
    try:
        series = universe_series(model.universe)
    except UnknownUniverse as error:
        raise NotAdvisable(str(error)) from error
    covered = coverage(series)
    require_open(model, covered, as_of, in_sample=in_sample)
    histories, membership = list(featured_candles(series)), universe_membership(model.universe)
    lasts = _last_days(series, histories, membership, as_of)
    session = _session(lasts, model, as_of, covered.calendar)
    is_seen = session < used_until(model)
    if is_seen and not in_sample:  # the last session before a hole in the candles
        raise InSample(f"{model.version} has seen the outcomes of {session}, the last session on or before {as_of}.")
    if earlier := RecommendationSet.objects.filter(version=model.version, as_of=session).first():
        return earlier, False
    read = stored_universe_model(model.version)
    members = [j for j, one in enumerate(series) if _is_member(membership, one, as_day(session))]
    advised = [series[j] for j in members]
    candles, features = _known([histories[j] for j in members], session)
    symbols = [one.instrument.symbol for one in advised]
    is_elsewhere = work_out is not Chunk.work_out and len(advised) >= LARGE
    predict = partial(_predict_by_chunk, model, work_out) if is_elsewhere else read.predict
    advice = advise(read, symbols, candles, features, oldest=OLDEST_SESSIONS, predict=predict)
    newest = [int(history.time[-1]) if len(history) else None for history in candles]
    try:
        with transaction.atomic():
            recommendation_set = _set_create(model, read, session, series, in_sample=is_seen, replay=replay)
            rows_create(recommendation_set, advice, advised, newest)
            audit(None, "recommendations.create", model.version, as_of=session.isoformat())
            if model.is_active and not is_seen and not replay:
                _notice(recommendation_set)
    except IntegrityError:  # another job was quicker: its set counts
        return RecommendationSet.objects.get(version=model.version, as_of=session), False
    return recommendation_set, True


def _predict_by_chunk(
    model: ModelVersion, work_out: WorkOut, features: Singles, *, sigma: Floats, order: Ints
) -> Predictions:
    [content] = work_out(day_chunk(universe_files(model), model.files, features, sigma=sigma, order=order))
    return Predictions.from_bytes(content)


def _notice(recommendation_set: RecommendationSet) -> None:
    labels = list(recommendation_set.rows.values_list("label", flat=True))
    counts = ", ".join(f"{labels.count(label)} {label}" for label in reversed(CLASSES))
    text = f"{recommendation_set.universe}, {recommendation_set.horizon} trading days ahead: {counts}."
    notice_make(NoticeKind.RECOMMENDATIONS, recommendation_set.version, text, day=recommendation_set.as_of)


def _last_days(
    series: Sequence[Series], histories: Sequence[FeaturedCandles], membership: Membership, as_of: date | None
) -> list[int]:
    """The day number of the last candle of each up to `as_of` on which it was a member, where there is one."""
    lasts = []
    for one, history in zip(series, histories, strict=True):
        days = history.candles.time[: _stop(history, as_of)] // DAY
        if one.instrument.symbol in membership:
            days = days[member_mask(membership[one.instrument.symbol], days)]
        if len(days):
            lasts.append(int(days[-1]))
    return lasts


def _is_member(membership: Membership, series: Series, day: int) -> bool:
    return bool(member_mask(membership.get(series.instrument.symbol, ALWAYS), np.array([day])).any())


def _stop(history: FeaturedCandles, day: date | None) -> int:
    """How many of its candles come up to the end of `day`."""
    return len(history.candles) if day is None else int(np.searchsorted(history.candles.time, (as_day(day) + 1) * DAY))


def _known(histories: Sequence[FeaturedCandles], session: date) -> tuple[list[Bars], NDArray[np.float32]]:
    """The candles of each up to the end of `session`, adjusted, and the features of the last of them: as training sees
    these."""
    candles = []
    features = np.full((len(histories), len(get_feature_columns())), np.nan, dtype=np.float32)
    for j, history in enumerate(histories):
        stop = _stop(history, session)
        candles.append(history.candles.slice(0, stop).adjusted())
        if stop:
            features[j] = history.features[stop - 1]
    return candles, features


def _session(lasts: list[int], model: ModelVersion, as_of: date | None, calendar: str) -> date:
    """The universe's last session among bars of these days. NotAdvisable where that is too long ago."""
    if not lasts:
        raise NotAdvisable(f"No member of {model.universe} has a bar on or before {as_of or 'its last day'}.")
    session = as_date(max(lasts))
    if as_of and sessions_between(session, as_of, calendar) > OLDEST_SESSIONS:
        raise NotAdvisable(
            f"The bars of {model.universe} are stale: the last one on or before {as_of} is of {session}, more than "
            f"{OLDEST_SESSIONS} sessions earlier. Import newer ones, or choose {session}."
        )
    return session


def _set_create(
    model: ModelVersion, read: UniverseModel, session: date, series: Sequence[Series], *, in_sample: bool, replay: bool
) -> RecommendationSet:
    test = model.metrics["test"]
    return RecommendationSet.objects.create(
        version=model.version,
        model_hash=model.model_hash,
        universe=model.universe,
        horizon=read.horizon,
        buy_threshold=read.buy_threshold,
        sell_threshold=read.sell_threshold,
        promise={"precision": test["precision_buy"], "interval": test["precision_buy_interval"]},
        lost=sorted(set(read.symbols) - {one.instrument.symbol for one in series}),
        as_of=session,
        in_sample=in_sample,
        replay=replay,
        made_at=timezone.now(),
    )

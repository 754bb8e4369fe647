"""What the searches behind a candle run's settings have looked at. PROTOCOL §7.1."""

from datetime import datetime

from django.db.models import Max

from instruments.models import Series
from training.models import Searched, StudyTrial
from training.quant.candle.spec import (
    DEFAULT_FEATURE_SET,
    SEARCHED_RANGES,
    STEADY,
    CandleSpec,
    SpecError,
    outside_ranges,
    parse_time,
)


def seen_until(series: Series, spec: CandleSpec) -> datetime | None:
    """The last outcome that a search behind these settings saw, the latest of what the request says, what the study saw
    that it names, and what completed searches of this series saw of the same settings. None: nobody searched.

    A protocol's own defaults are nobody's finding. Raises SpecError for a study that there isn't, and for params
    outside the ranges that it didn't try.
    """
    of_study = Searched.objects.filter(run_id=spec.study_id) if spec.study_id else Searched.objects.none()
    by_study = of_study.aggregate(latest=Max("seen_until"))["latest"]
    if spec.study_id and by_study is None:
        raise SpecError({"study_id": [f"There is no completed search {spec.study_id}."]})
    for name in outside_ranges(spec):
        if not (of_study.filter(params_hash=spec.params_hash()).exists() or _tried(spec)):
            raise SpecError({name: [f"Outside its range, and not tried by {spec.study_id} with these params."]})
    same = Searched.objects.filter(series=series, params_hash=spec.params_hash())
    moments = [
        parse_time(spec.seen_until) if spec.seen_until else None,
        by_study,
        None if _is_default(spec) else same.aggregate(latest=Max("seen_until"))["latest"],
    ]
    return max((moment for moment in moments if moment), default=None)


def _tried(spec: CandleSpec) -> bool:
    """Whether the named study tried these params with these rounds, at whatever candle and whatever the other settings:
    the meta-predictor suggests them elsewhere."""
    params = {name: getattr(spec, name) for name in SEARCHED_RANGES if name != "rounds"}
    sent = {name: value for name, value in params.items() if value is not None}
    trials = StudyTrial.objects.filter(study__run_id=spec.study_id, rounds=spec.rounds)
    return any(params == sent for params in trials.values_list("params", flat=True))


def _is_default(spec: CandleSpec) -> bool:
    params = STEADY if spec.protocol == "steady" else {}
    own = CandleSpec(
        candle=spec.candle,
        symbol=spec.symbol,
        protocol=spec.protocol,
        feature_set=DEFAULT_FEATURE_SET[spec.protocol],
        **params,  # type: ignore[arg-type]
    )
    return spec.params_hash() == own.params_hash()

"""What a universe run would use, told before it is asked for: from counts alone, without reading a bar."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from django.db.models import Count, Q

from instruments.models import PriceBar, Series, Universe
from instruments.quant.calendars import as_day
from instruments.quant.membership import member_mask
from instruments.universes import Membership, has_only_survivors, universe_membership
from training.evidence.trials import next_k
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.candle.verdict import next_trial_text
from training.quant.stats.multiple_testing import trial_level
from training.quant.universe.exposure import FEWEST_MORE
from training.quant.universe.judge import smallest_ic
from training.quant.universe.spec import HONEST, WARM_UP, UniverseSpec
from training.quant.walk_forward.spec import WalkSpec, confirming_walk
from training.recipes.universe.data import universe_members

TRAINED = 0.7  # share of the days
DEMO = "demo"  # what `load_demo` fills


@dataclass(frozen=True)
class Preview:
    """`days` and `rows` have features and a known outcome, as far as counts tell. `upcoming`: what it would need to be
    evidence; `smallest_ic`: the rank IC that its walk finds in 4 of 5 cases then. `problem` says why it would come to
    nothing, `is_too_small` that it does for the recipe's sake. `survivors_only`: nobody ever leaves the universe."""

    instruments: int = 0
    first: date | None = None
    last: date | None = None
    days: int = 0
    rows: int = 0
    needed: int = 0
    upcoming: str = ""
    smallest_ic: float | None = None
    is_too_small: bool = False
    survivors_only: bool = False
    problem: str = ""


def universe_preview(requested: UniverseSpec | WalkSpec) -> Preview:
    """Two queries over the bars' index, one of the trials. Instruments of different calendars make it a guess, and so
    do members that come and go."""
    spec = requested.spec if isinstance(requested, WalkSpec) else requested
    membership = universe_membership(spec.universe)
    try:
        series = universe_members(spec.universe, with_instruments=bool(membership))
    except SpecError as error:
        return Preview(problem=" ".join(text for texts in error.errors.values() for text in texts))
    end = max(item.last for item in series if item.last).astimezone(UTC)
    if spec.as_of is not None:
        end = min(end, datetime.combine(date.fromisoformat(spec.as_of), time.max, tzinfo=UTC))
    start = datetime.combine(end.date() - timedelta(days=spec.lookback_days), time.min, tzinfo=UTC)
    by_key = {each.pk: each for each in series}
    bars = PriceBar.objects.filter(series__in=series, timestamp__lte=end).order_by().values("series")
    counted = bars.annotate(inside=Count("pk", filter=Q(timestamp__gte=start)), total=Count("pk"))
    usable = {
        pk: max(0, min(inside, total - WARM_UP) - spec.horizon)
        for pk, inside, total in counted.values_list("series", "inside", "total")
        if inside
    }
    days = max(usable.values(), default=0)
    if membership:
        usable = {pk: round(own * _share(by_key[pk], membership, start, end)) for pk, own in usable.items()}
    members = sorted(one.instrument_id for one in series if usable.get(one.pk))
    k, names = next_k(None, members), _names(usable, days, changes=bool(membership))
    is_too_small = spec.recipe == HONEST and names < FEWEST_MORE
    return Preview(
        instruments=len(usable),
        first=start.date(),
        last=end.date(),
        days=days,
        rows=sum(usable.values()),
        needed=requested.days_needed,
        upcoming=next_trial_text(k, spec.universe),
        smallest_ic=_smallest_ic(requested, days, sum(usable.values()), k),
        is_too_small=is_too_small,
        survivors_only=has_only_survivors(spec.universe),
        problem=_too_little(days, requested) if days < requested.days_needed else _too_small(names, is_too_small),
    )


def _share(series: Series, membership: Membership, start: datetime, end: datetime) -> float:
    """Of the days that it has bars on between these moments, those as a member; of calendar days, as none is read."""
    stretches = membership.get(series.instrument.symbol)
    if stretches is None or series.first is None or series.last is None:
        return 1.0
    first, last = as_day(max(series.first, start).date()), as_day(min(series.last, end).date())
    return float(member_mask(stretches, np.arange(first, last + 1)).mean()) if first <= last else 0.0


def _names(usable: Mapping[int, int], days: int, *, changes: bool) -> int:
    """That have features on the same days while it trains; on average, where members change."""
    if changes:
        return round(sum(usable.values()) / days) if days else 0
    return sum(own > days * (1 - TRAINED) for own in usable.values())


def offers_demo() -> bool:
    """Whether there is the demo universe, and nobody has trained a universe yet."""
    if TrainingRun.objects.existing().filter(universe__isnull=False).exists():
        return False
    return Universe.objects.filter(name=DEMO, instruments__series__rows__gt=0).exists()


def _smallest_ic(requested: UniverseSpec | WalkSpec, days: int, rows: int, k: int) -> float | None:
    """Of the walk that judges it."""
    walk = requested if isinstance(requested, WalkSpec) else confirming_walk(requested, days=days)
    if walk is None or not days:
        return None
    judged = walk.folds * walk.step
    return smallest_ic(days=judged, names=rows / days, horizon=walk.spec.horizon, level=trial_level(k))


def _too_small(names: int, is_too_small: bool) -> str:
    if not is_too_small:
        return ""
    return (
        f"The recipe honest compares instruments with each other: it needs {FEWEST_MORE} with all features on the same "
        f"days while it trains, and about {names} have them. Choose the recipe phase22, or add instruments."
    )


def _too_little(days: int, requested: UniverseSpec | WalkSpec) -> str:
    mend = "take fewer or shorter folds, " if isinstance(requested, WalkSpec) else "take a shorter horizon, "
    return (
        f"Too little data: about {days} days would have features and a known outcome; "
        f"{requested.days_needed} are needed. Look further back, {mend}or import more history."
    )

"""What a universe run would use, told before it is asked for: from counts alone, without reading a bar."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Q

from instruments.models import PriceBar, Universe
from training.evidence.trials import next_k
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.candle.verdict import next_trial_text
from training.quant.universe.spec import WARM_UP, UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.universe.data import universe_members

DEMO = "demo"  # what `load_demo` fills


@dataclass(frozen=True)
class Preview:
    """`days` and `rows` have features and a known outcome, as far as counts tell. `upcoming`: what it would need to be
    evidence. `problem` says why it would come to nothing."""

    instruments: int = 0
    first: date | None = None
    last: date | None = None
    days: int = 0
    rows: int = 0
    needed: int = 0
    upcoming: str = ""
    problem: str = ""


def universe_preview(requested: UniverseSpec | WalkSpec) -> Preview:
    """Two queries over the bars' index, one of the trials. Instruments of different calendars make it a guess."""
    spec = requested.spec if isinstance(requested, WalkSpec) else requested
    try:
        series = universe_members(spec.universe, with_instruments=False)
    except SpecError as error:
        return Preview(problem=" ".join(text for texts in error.errors.values() for text in texts))
    end = max(item.last for item in series if item.last).astimezone(UTC)
    if spec.as_of is not None:
        end = min(end, datetime.combine(date.fromisoformat(spec.as_of), time.max, tzinfo=UTC))
    start = datetime.combine(end.date() - timedelta(days=spec.lookback_days), time.min, tzinfo=UTC)
    bars = PriceBar.objects.filter(series__in=series, timestamp__lte=end).order_by().values("series")
    counted = bars.annotate(inside=Count("pk", filter=Q(timestamp__gte=start)), total=Count("pk"))
    usable = {
        pk: max(0, min(inside, total - WARM_UP) - spec.horizon)
        for pk, inside, total in counted.values_list("series", "inside", "total")
        if inside
    }
    days = max(usable.values(), default=0)
    members = sorted(one.instrument_id for one in series if usable.get(one.pk))
    return Preview(
        instruments=len(usable),
        first=start.date(),
        last=end.date(),
        days=days,
        rows=sum(usable.values()),
        needed=requested.days_needed,
        upcoming=next_trial_text(next_k(None, members), spec.universe),
        problem="" if days >= requested.days_needed else _too_little(days, requested),
    )


def offers_demo() -> bool:
    """Whether there is the demo universe, and nobody has trained a universe yet."""
    if TrainingRun.objects.existing().filter(universe__isnull=False).exists():
        return False
    return Universe.objects.filter(name=DEMO, instruments__series__rows__gt=0).exists()


def _too_little(days: int, requested: UniverseSpec | WalkSpec) -> str:
    mend = "take fewer or shorter folds, " if isinstance(requested, WalkSpec) else "take a shorter horizon, "
    return (
        f"Too little data: about {days} days would have features and a known outcome; "
        f"{requested.days_needed} are needed. Look further back, {mend}or import more history."
    )

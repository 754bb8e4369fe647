"""The data of a finished universe run or walk read again: its members of then, up to its last day."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from instruments.models import Series, Timeframe
from instruments.universes import Membership
from training.models import RunPositions, TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.universe.spec import UniverseSpec
from training.recipes.universe.data import UniverseData, universe_data, universe_members
from training.recipes.universe.membership import membership_from


@dataclass(frozen=True)
class MembersThen:
    """`series` of the members that have bars today, in the order of then; `gone`: symbols of those that have none;
    `membership` as the run knew it; `marks` of their candles as the run had them, by symbol (UniverseData), none of
    runs of before there were any."""

    series: list[Series]
    gone: list[str]
    membership: Membership
    marks: dict[str, str] = field(default_factory=dict)


def members_then(run: TrainingRun) -> MembersThen:
    """Whatever its universe holds by now, and whether its instruments are active. Raises SpecError where no member has
    bars any more."""
    symbols = _symbols_then(run)
    if symbols is None:
        return MembersThen(universe_members(run.result["universe"]), [], {})
    rows = Series.objects.filter(timeframe=Timeframe.DAY, rows__gt=0, instrument__symbol__in=symbols)
    by_symbol = {series.instrument.symbol: series for series in rows.select_related("instrument")}
    if not by_symbol:
        raise SpecError({"universe": ["None of the run's instruments has bars any more."]})
    there = [by_symbol[symbol] for symbol in symbols if symbol in by_symbol]
    gone = [symbol for symbol in symbols if symbol not in by_symbol]
    marks = dict(zip(symbols, run.detail["marks"], strict=True)) if run.detail.get("marks") else {}
    return MembersThen(there, gone, membership_from(run.detail.get("membership", {})), marks)


def data_then(
    run: TrainingRun,
    spec: UniverseSpec,
    members: MembersThen,
    *,
    on_read: Callable[[int, int], None] = lambda done, todo: None,
) -> UniverseData:
    """Up to the last day that the run had, annualised as it was: of before that was kept by no calendar. Raises
    TooLittle where nothing is left."""
    own = replace(spec, as_of=run.result["as_of"])
    data = universe_data(own, series=members.series, membership=members.membership, on_read=on_read)
    return replace(data, panel=replace(data.panel, sessions_a_year=run.result.get("bars_a_year")))


def _symbols_then(run: TrainingRun) -> list[str] | None:
    """In the order of its panel; None of a walk of before there were lists of positions."""
    if "pooled" not in run.result:
        return list(run.detail["symbols"])
    positions = RunPositions.objects.filter(run=run).first()
    return list(positions.symbols) if positions else None

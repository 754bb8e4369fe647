"""The bars of a universe's members as they stood when a run was made, as far as that is recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from instruments.models import Series
from instruments.quant.bars import fingerprint
from instruments.store.read_bars import load_marked
from instruments.store.revisions import Then, find_then
from training.models import TrainingRun
from training.quant.universe.spec import UniverseSpec
from training.recipes.universe.again import MembersThen, data_then, members_then
from training.recipes.universe.data import MARK, UniverseData
from training.recipes.verification.schema import BarsChanged
from training.recipes.verification.then import changed_bars, moment_of, told_changes

OnStage = Callable[[str, float, str], None]


@dataclass(frozen=True)
class AsTheyStood:
    """`members`, read as they stood, and their `data`; `unlike`: symbols whose bars of then can't be told; `changed`:
    what has changed since of the others."""

    members: MembersThen
    data: UniverseData
    unlike: list[str]
    changed: BarsChanged | None


def as_they_stood(run: TrainingRun, spec: UniverseSpec, on_stage: OnStage) -> AsTheyStood:
    """Raises SpecError and TooLittle where too few bars are left."""
    members = members_then(run)
    on_stage("load", 0.02, f"bars and features of {len(members.series)} instruments")
    data = data_then(run, spec, members)
    now = dict(zip(data.panel.symbols, data.marks, strict=True))
    changed = {
        member.instrument.symbol: member
        for member in members.series
        if members.marks.get(member.instrument.symbol) not in {None, now.get(member.instrument.symbol)}
    }
    if not changed:
        return AsTheyStood(members, data, members.gone, None)
    end = datetime.combine(date.fromisoformat(run.result["as_of"]), time.max, tzinfo=UTC)
    then = {symbol: _then(run, member, members.marks[symbol], end) for symbol, member in changed.items()}
    series = [state.series if (state := then.get(member.instrument.symbol)) else member for member in members.series]
    members = replace(members, series=series)
    told = [changed_bars(changed[symbol], state, start=None, end=end) for symbol, state in then.items() if state]
    lost = [symbol for symbol, state in then.items() if state is None]
    return AsTheyStood(members, data_then(run, spec, members), [*members.gone, *lost], told_changes(run, told))


def _then(run: TrainingRun, series: Series, mark: str, end: datetime) -> Then | None:
    def is_it(state: Series) -> bool:
        return fingerprint(load_marked(state, end=end).candles)[:MARK] == mark

    return find_then(series, moment_of(run), is_it, until=end)

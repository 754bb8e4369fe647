"""The bars and stored features that a universe run may look at, as one panel, and what to say where they don't do."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from instruments.models import Instrument, Series
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.features.daily import DAY, Floats
from instruments.store.features import features_compute, load_features, outdated_series
from instruments.store.read_bars import load_candles_of_many
from instruments.universes import UnknownUniverse, universe_series
from training.evidence.trials import TrialFields
from training.quant.candle.spec import SpecError
from training.quant.candle.verdict import LEAST_WINDOWS
from training.quant.universe.evidence import UniverseEvidence
from training.quant.universe.panel import Panel, TooLittle, make_panel
from training.quant.universe.spec import UniverseSpec

_TOGETHER = 64  # series read at a time: bounds the memory
_NAMED = 5  # symbols in a message


@dataclass(frozen=True)
class UniverseData:
    """`panel` ends with the last bar on or before the run's day; nothing later is in it. `data_hash` is the SHA-256
    over the symbols and every candle that the panel was made from; stale bars are none."""

    panel: Panel
    as_of: date
    bars: int
    data_hash: str


def universe_members(universe: str, *, with_instruments: bool = True) -> list[Series]:
    """The series of a universe; SpecError under `universe` where there are none."""
    try:
        return universe_series(universe, with_instruments=with_instruments)
    except UnknownUniverse as error:
        raise SpecError({"universe": [str(error)]}) from error


def universe_data(
    spec: UniverseSpec,
    *,
    on_missing: Callable[[int], None] | None = None,
    on_read: Callable[[int, int], None] = lambda done, todo: None,
) -> UniverseData:
    """Read it all. Features that are missing or stale are computed where there is an `on_missing`, which hears of how
    many instruments; without one they are a SpecError, as missing bars are. Raises TooLittle where nothing is left."""
    series = universe_members(spec.universe)
    members: list[tuple[str, Bars, Floats]] = []
    stale: list[str] = []
    for start in range(0, len(series), _TOGETHER):
        group = series[start : start + _TOGETHER]
        bars = {member.pk: history for member, history in zip(group, load_candles_of_many(group), strict=True)}
        old = outdated_series({pk: fingerprint(history) for pk, history in bars.items()})
        if on_missing and old:
            on_missing(len(old))
            features_compute(series=[member for member in group if member.pk in old], on_series=lambda *_: None)
            old = set()
        stale += [member.instrument.symbol for member in group if member.pk in old]
        stored = load_features([member.pk for member in group if member.pk not in old])
        for member in group:
            if member.pk not in old:
                first, stop = np.searchsorted(stored.series, [member.pk, member.pk + 1])
                members.append((member.instrument.symbol, bars[member.pk].adjusted(), stored.matrix[first:stop]))
        on_read(min(start + _TOGETHER, len(series)), len(series))
    if stale:
        raise SpecError({"universe": [_missing_features(stale, len(series), spec.universe)]})
    return _cut(members, spec)


def _cut(members: list[tuple[str, Bars, Floats]], spec: UniverseSpec) -> UniverseData:
    last = max(int(bars.time[-1]) // DAY for _, bars, _ in members)
    if spec.as_of is not None:
        last = min(last, (date.fromisoformat(spec.as_of) - date(1970, 1, 1)).days)
    truncated = []
    for symbol, bars, features in members:
        stop = int(np.searchsorted(bars.time, (last + 1) * DAY))
        if stop:
            truncated.append((symbol, bars.slice(0, stop), features[:stop]))
    if not truncated:
        earliest = min(int(bars.time[0]) // DAY for _, bars, _ in members)
        raise TooLittle(
            f"No instrument of the universe has a bar on or before {spec.as_of}; the first is of {_date(earliest)}."
        )
    last = max(int(bars.time[-1]) // DAY for _, bars, _ in truncated)
    digest = hashlib.sha256()
    for symbol, bars, _ in truncated:
        digest.update(f"{symbol} {fingerprint(bars)}\n".encode())
    return UniverseData(
        panel=make_panel(truncated, horizons=(spec.horizon,), first_day=last - spec.lookback_days),
        as_of=_date(last),
        bars=sum(len(bars) for _, bars, _ in truncated),
        data_hash=digest.hexdigest(),
    )


def _missing_features(stale: list[str], of: int, universe: str) -> str:
    named = ", ".join(stale[:_NAMED]) + (", …" if len(stale) > _NAMED else "")
    return (
        f"The features of {len(stale)} of {of} instruments are missing or older than their bars ({named}). "
        f"Fill them: `python manage.py compute_features --universe {universe}`."
    )


def universe_trial(
    data: UniverseData, *, evidence: UniverseEvidence | None = None, retrained_to: date | None = None
) -> TrialFields:
    """Of a run over this data, which a walk is still to judge, or with the `evidence` of a walk by itself."""
    members = Instrument.objects.filter(symbol__in=data.panel.with_rows).order_by("pk")
    return TrialFields(
        as_of=day_start(data.as_of),
        data_hash=data.data_hash,
        p_value=claimed_p_value(evidence) if evidence else None,
        is_settled=evidence is not None,
        members=tuple(members.values_list("pk", flat=True)),
        retrained_to=day_start(retrained_to) if retrained_to else None,
    )


def claimed_p_value(evidence: UniverseEvidence) -> float | None:
    """None where there was nothing to judge, or too few folds for a claim."""
    return evidence.p_value if evidence.windows >= LEAST_WINDOWS else None


def day_start(day: date) -> datetime:
    """UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)

"""Holm's step-down over the trials of one ledger, as the Trials page shows it beside the verdicts that were fixed."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from training.evidence.trials import Spent, ledger_of_universe, levels_spent, of_universes, tried_series
from training.models import Status, TrainingRun, Trial
from training.quant.candle.verdict import LEVEL, Label, level_text, next_trial_text, p_text
from training.quant.stats.multiple_testing import holm_below_one

READ = 500  # p-values at a time
DRAWN = 300  # trials in the picture
HEIGHT, EDGE = 220, 8  # pixels; across it is percent
FLOOR = 1e-12  # of the picture's logarithmic scale
VERDICTS = {Label.EVIDENCE: "evidence", Label.WEAK: "weak sign", Label.NO_EVIDENCE: "no evidence"}


@dataclass(frozen=True)
class Row:
    """A trial. `p` is None while unconfirmed: it counts as 1 then. `level` is what its p had to stay below, "" where
    Holm judged. For information: `adjusted` by Holm. The page shows `p_words` and `adjusted_words`, however small they
    are. Without `has_run` the run was deleted, or was none."""

    k: int
    as_of: datetime
    params_hash: str
    run_id: str
    p: float | None
    level: float | None
    label: Label
    made_at: datetime
    adjusted: float = 1.0
    name: str = ""  # that the run was given
    has_run: bool = False

    @classmethod
    def of(cls, trial: Trial, **more: Any) -> "Row":
        return cls(
            k=trial.k,
            as_of=trial.as_of,
            params_hash=trial.params_hash,
            run_id=trial.run_id,
            p=trial.p_value,
            level=trial.level,
            label=Label(trial.label),
            made_at=trial.made_at,
            **more,
        )

    @property
    def is_evidence(self) -> bool:
        return self.label == Label.EVIDENCE

    @property
    def verdict(self) -> str:
        return VERDICTS[self.label]

    @property
    def level_words(self) -> str:
        return "" if self.level is None else level_text(self.level)

    @property
    def p_words(self) -> str:
        return "" if self.p is None else p_text(self.p)

    @property
    def adjusted_words(self) -> str:
        return p_text(self.adjusted)


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    row: Row


@dataclass(frozen=True)
class Picture:
    """p-values by rank on a logarithmic scale from `floor` to 1, and Holm's line across."""

    dots: tuple[Dot, ...]
    line: str
    levels: tuple[tuple[float, str], ...]
    height: int = HEIGHT


@dataclass(frozen=True)
class TrialLog:
    """Of a whole ledger; the picture is of its smallest p-values."""

    total: int
    unconfirmed: int
    evidence: int
    picture: Picture
    upcoming: str  # what the next trial needs
    spent: Spent


def trial_log(trials: QuerySet[Trial], *, on: str) -> TrialLog | None:
    """None where it has no trial. As quick for fifty thousand as for a thousand: counts and order come from an
    index."""
    total = trials.count()
    if not total:
        return None
    confirmed = trials.filter(p_value__isnull=False).order_by()
    counts = confirmed.aggregate(all=Count("pk"), evidence=Count("pk", filter=Q(label=Label.EVIDENCE)))
    return TrialLog(
        total=total,
        unconfirmed=total - counts["all"],
        evidence=counts["evidence"],
        picture=_picture([Row.of(trial) for trial in ranked(trials)[:DRAWN]], total),
        upcoming=next_trial_text(total + 1, on),
        spent=levels_spent(),
    )


def ranked(trials: QuerySet[Trial]) -> QuerySet[Trial]:
    """By p-value, those without one last; equal ones as they were completed."""
    return trials.order_by(F("p_value").asc(nulls_last=True), "pk")


def trial_rows(trials: QuerySet[Trial], shown: Sequence[Trial], total: int) -> list[Row]:
    """Of the trials that are shown, adjusted among all `total` of their ledger. Two queries where Holm's step-down
    ends early, as it does unless hundreds of p-values are small."""
    p_values, adjusted = holm_below_one(_ascending(trials), total)
    runs = TrainingRun.objects.existing().filter(run_id__in=[trial.run_id for trial in shown], status=Status.COMPLETED)
    names = dict(runs.values_list("run_id", "description__name"))
    rows = []
    for trial in shown:
        is_below_one = trial.p_value is not None and bool(p_values) and trial.p_value <= p_values[-1]
        holm = adjusted[bisect_left(p_values, trial.p_value or 1.0)] if is_below_one else 1.0
        has_run = trial.run_id in names
        rows.append(Row.of(trial, adjusted=holm, name=names.get(trial.run_id) or "", has_run=has_run))
    return rows


def _ascending(trials: QuerySet[Trial]) -> Iterator[float]:
    confirmed = trials.filter(p_value__isnull=False).order_by("p_value").values_list("p_value", flat=True)
    for start in count(0, READ):
        p_values = list(confirmed[start : start + READ])
        yield from (p for p in p_values if p is not None)
        if len(p_values) < READ:
            return


def _picture(rows: Sequence[Row], total: int) -> Picture:
    """Of the first `rows` by rank, among `total`."""
    lowest = min(*(row.p or 1.0 for row in rows), LEVEL / total, 0.01)
    floor = max(FLOOR, 10.0 ** math.floor(math.log10(lowest)))
    across = 98.0 / max(1, len(rows) - 1)

    def x(rank: int) -> float:
        return round(1 + rank * across, 3)

    def y(p: float) -> float:
        return round(EDGE + (HEIGHT - 2 * EDGE) * math.log10(max(p, floor)) / math.log10(floor), 1)

    decades = round(-math.log10(floor))
    points = [(x(rank), y(LEVEL / (total - rank))) for rank in range(len(rows))]
    if len(points) == 1:
        points = [(0, points[0][1]), (100, points[0][1])]
    return Picture(
        dots=tuple(Dot(x(rank), y(1.0 if row.p is None else row.p), row) for rank, row in enumerate(rows)),
        line=" ".join(f"{left},{top}" for left, top in points),
        levels=tuple((y(10.0**-at), f"{10.0**-at:g}") for at in range(0, decades + 1, math.ceil(decades / 5))),
    )


@dataclass(frozen=True)
class LedgerChoice:
    """What the Trials page is about: the series or universe that the address names, else what was tried last."""

    symbol: str
    timeframe: str
    universe: str
    symbols: list[str]
    universes: list[str]
    trials: QuerySet[Trial]

    @property
    def on(self) -> str:
        return self.universe or self.symbol

    @property
    def address(self) -> dict[str, str]:
        """What names it in an address."""
        return {"universe": self.universe} if self.universe else {"symbol": self.symbol, "timeframe": self.timeframe}


def ledger_choice(query: Mapping[str, str]) -> LedgerChoice:
    """By `universe`, or `symbol` and `timeframe`, of an address."""
    tried = list(tried_series().select_related("instrument"))
    symbol, timeframe, universe = (query.get(name, "") for name in ("symbol", "timeframe", "universe"))
    if not symbol and not universe:
        last = Trial.objects.select_related("series__instrument").order_by("-id").first()
        if last and last.series:
            symbol, timeframe = last.series.instrument.symbol, timeframe or last.series.timeframe
        elif last:
            universe = last.scope
    series = next(
        (
            candidate
            for candidate in tried
            if candidate.instrument.symbol == symbol and candidate.timeframe == (timeframe or candidate.timeframe)
        ),
        None,
    )
    trials = Trial.objects.filter(series=series) if series else Trial.objects.none()
    scopes = of_universes().order_by().values_list("scope", flat=True).distinct()
    return LedgerChoice(
        symbol=symbol,
        timeframe=series.timeframe if series else timeframe,
        universe=universe,
        symbols=sorted({candidate.instrument.symbol for candidate in tried} | ({symbol} - {""})),
        universes=sorted({*scopes, universe} - {""}),
        trials=ledger_of_universe(universe) if universe else trials,
    )

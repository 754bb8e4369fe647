"""Holm's step-down over the trials of one ledger, as the Trials page shows it beside the verdicts that were fixed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from instruments.models import Series
from training.evidence.trials import Spent, levels_spent, linked_members, of_universes
from training.models import Status, TrainingRun, Trial
from training.quant.candle.spec import TIMEFRAMES
from training.quant.candle.verdict import LEVEL, Label, level_text, next_trial_text, p_text
from training.quant.stats.multiple_testing import holm_adjusted
from training.web.presenters.glossary import GLOSSARY

PAGE = 100  # trials in the table
DRAWN = 300  # trials in the picture
HEIGHT, EDGE = 220, 8  # pixels; across it is percent
FLOOR = 1e-12  # of the picture's logarithmic scale
VERDICTS = {Label.EVIDENCE: "evidence", Label.WEAK: "weak sign", Label.NO_EVIDENCE: "no evidence"}


@dataclass(frozen=True)
class Row:
    """A trial at its rank. `p` is None while unconfirmed: it counts as 1 then. `level` is what its p had to stay below,
    "" where Holm judged. For information: `adjusted` by Holm, and `holm`, his line at this rank. The page shows
    `p_words` and `adjusted_words`, however small they are."""

    rank: int
    k: int
    as_of: datetime
    params_hash: str
    run_id: str
    p: float | None
    level: str
    verdict: str
    is_evidence: bool
    adjusted: float
    holm: float
    made_at: datetime
    p_words: str
    adjusted_words: str
    has_run: bool = False


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
    """`rows` is one page of the ranks; the picture and the counts are of all."""

    total: int
    unconfirmed: int
    evidence: int
    rows: list[Row]
    picture: Picture | None
    following: int | None  # the rank that the next page begins after
    upcoming: str  # what the next trial needs
    spent: Spent


def trial_log(trials: Sequence[Trial], *, on: str, after: int = 0) -> TrialLog:
    """Of all `trials` of a ledger. Three queries or four: which runs of the page still exist, and what is spent."""
    rows = ranked(trials)
    page = rows[after : after + PAGE]
    existing = set(
        TrainingRun.objects.existing()
        .filter(run_id__in=[row.run_id for row in page], status=Status.COMPLETED)
        .values_list("run_id", flat=True)
    )
    return TrialLog(
        total=len(rows),
        unconfirmed=sum(row.p is None for row in rows),
        evidence=sum(row.is_evidence for row in rows),
        rows=[replace(row, has_run=row.run_id in existing) for row in page],
        picture=_picture(rows[:DRAWN]) if rows else None,
        following=after + PAGE if len(rows) > after + PAGE else None,
        upcoming=next_trial_text(len(rows) + 1, on),
        spent=levels_spent(),
    )


def ranked(trials: Sequence[Trial]) -> list[Row]:
    """By p-value, those without one last; equal ones as they were completed."""
    ordered = sorted(trials, key=lambda trial: 1.0 if trial.p_value is None else trial.p_value)
    adjusted = holm_adjusted([trial.p_value for trial in ordered])
    return [
        Row(
            rank=position + 1,
            k=trial.k,
            as_of=trial.as_of,
            params_hash=trial.params_hash,
            run_id=trial.run_id,
            p=trial.p_value,
            level="" if trial.level is None else level_text(trial.level),
            verdict=VERDICTS[Label(trial.label)],
            is_evidence=trial.label == Label.EVIDENCE,
            adjusted=float(adjusted[position]),
            holm=LEVEL / (len(ordered) - position),
            made_at=trial.made_at,
            p_words="" if trial.p_value is None else p_text(trial.p_value),
            adjusted_words=p_text(float(adjusted[position])),
        )
        for position, trial in enumerate(ordered)
    ]


def _picture(rows: list[Row]) -> Picture:
    lowest = min(*(row.p or 1.0 for row in rows), rows[0].holm, 0.01)
    floor = max(FLOOR, 10.0 ** math.floor(math.log10(lowest)))
    across = 98.0 / max(1, len(rows) - 1)

    def x(row: Row) -> float:
        return round(1 + (row.rank - 1) * across, 3)

    def y(p: float) -> float:
        return round(EDGE + (HEIGHT - 2 * EDGE) * math.log10(max(p, floor)) / math.log10(floor), 1)

    decades = round(-math.log10(floor))
    points = [(x(row), y(row.holm)) for row in rows]
    if len(points) == 1:
        points = [(0, points[0][1]), (100, points[0][1])]
    return Picture(
        dots=tuple(Dot(x(row), y(1.0 if row.p is None else row.p), row) for row in rows),
        line=" ".join(f"{left},{top}" for left, top in points),
        levels=tuple((y(10.0**-at), f"{10.0**-at:g}") for at in range(0, decades + 1, math.ceil(decades / 5))),
    )


def trials_context(query: Mapping[str, str]) -> dict[str, Any]:
    """For `trials/list.html`: the series or universe that the address names, else what was tried last."""
    tried = list(Series.objects.filter(trials__isnull=False).distinct().select_related("instrument"))
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
    trials = _of_universe(universe) if universe else _of_series(series) if series else []
    after = query.get("after", "")
    on = universe or symbol
    scopes = of_universes().order_by().values_list("scope", flat=True).distinct()
    return {
        "symbols": sorted({candidate.instrument.symbol for candidate in tried} | ({symbol} - {""})),
        "universes": sorted({*scopes, universe} - {""}),
        "timeframes": TIMEFRAMES,
        "symbol": symbol,
        "universe": universe,
        "on": on,
        "timeframe": series.timeframe if series else timeframe,
        "level": LEVEL,
        "log": trial_log(trials, on=on, after=int(after) if after.isdecimal() and len(after) < 9 else 0)
        if trials
        else None,
        "drawn": DRAWN,
        "glossary": GLOSSARY,
    }


def _of_series(series: Series) -> list[Trial]:
    return list(Trial.objects.filter(series=series).order_by("id"))


def _of_universe(universe: str) -> list[Trial]:
    """The ledger of its newest trial, whatever the universes of the others are called."""
    newest = of_universes().filter(scope=universe).last()
    if newest is None:
        return []
    linked = linked_members(newest.members)
    return [trial for trial in of_universes() if trial.pk == newest.pk or tuple(trial.members) in linked]

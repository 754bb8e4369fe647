"""Verdicts as they are now: a run's own result, its confirmation, and the team's tries on the same series.

Read, not stored: a finished run's row never changes, but what its result is worth changes with every further try.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.models import Kind, Status, TrainingRun, Try
from training.quant.verdict import Evidence, Verdict, judge

TryKey = tuple[str, Any]  # (params hash, candle)


@dataclass(frozen=True)
class Judged:
    """`verdict` is None while the run has no result; `confirmation` is its newest, if one was asked for."""

    verdict: Verdict | None
    confirmation: TrainingRun | None


def judged(runs: Sequence[TrainingRun]) -> dict[int, Judged]:
    """By primary key. Two queries, however many runs."""
    completed = [run for run in runs if run.kind == Kind.CANDLE and run.status == Status.COMPLETED]
    jobs = TrainingRun.objects.filter(kind=Kind.CONFIRMATION, subject__in=completed).defer("config", "error_trace")
    confirmations = {job.subject_id: job for job in jobs.order_by("id")} if completed else {}
    ledgers = _ledgers({run.series_id for run in completed})
    found = {run.pk: Judged(None, None) for run in runs}
    for run in completed:
        confirmation = confirmations.get(run.pk)
        found[run.pk] = Judged(_verdict(run, confirmation, ledgers[run.series_id]), confirmation)
    return found


def evidence_of(result: dict[str, Any]) -> Evidence | None:
    """What a run or a confirmation stored."""
    stored = result.get("evidence")
    return Evidence.from_dict(stored) if stored else None


def _ledgers(series: set[int | None]) -> dict[int | None, dict[TryKey, float | None]]:
    ledgers: dict[int | None, dict[TryKey, float | None]] = defaultdict(dict)
    rows = Try.objects.filter(series__in=[pk for pk in series if pk]).order_by("id") if series else []
    for one in rows:
        ledgers[one.series_id][(one.params_hash, one.candle_at)] = one.p_value
    return ledgers


def _verdict(run: TrainingRun, confirmation: TrainingRun | None, ledger: dict[TryKey, float | None]) -> Verdict:
    confirmed = confirmation is not None and confirmation.status == Status.COMPLETED
    pooled = evidence_of(confirmation.result) if confirmed and confirmation else None
    tries = {**ledger, (run.params_hash, run.candle_at): pooled.p_value if pooled else None}
    own = list(tries).index((run.params_hash, run.candle_at))
    return judge(
        single=evidence_of(run.result),
        pooled=pooled,
        confirmed=confirmed,
        tries=list(tries.values()),
        own=own,
        on=run.config["symbol"],
    )

"""Verdicts as they are now: a run's own result, its confirmation, and the team's tries on the same series.

Read, not stored: a finished run's row never changes, but what its result is worth changes with every further try.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.evidence.multiple_testing import Standing, standings
from training.models import Status, TrainingRun, Try
from training.quant.candle.verdict import Evidence, Verdict, judge_adjusted

ALONE = Standing.of([(None, 1)])  # a run is at least its own try


@dataclass(frozen=True)
class Judged:
    """`verdict` is None while the run has no result; `confirmation` is its newest, if one was asked for."""

    verdict: Verdict | None
    confirmation: TrainingRun | None


def judged(runs: Sequence[TrainingRun]) -> dict[int, Judged]:
    """By primary key. Two queries, however many runs and tries."""
    completed = [run for run in runs if run.kind == "candle" and run.status == Status.COMPLETED]
    jobs = TrainingRun.objects.filter(kind="confirmation", subject__in=completed).defer("config", "error_trace")
    confirmations = {job.subject_id: job for job in jobs.order_by("id")} if completed else {}
    tries = Try.objects.filter(series__in={run.series_id for run in completed})
    ledgers = standings(tries, "series_id") if completed else {}
    found = {run.pk: Judged(None, None) for run in runs}
    for run in completed:
        confirmation = confirmations.get(run.pk)
        found[run.pk] = Judged(_verdict(run, confirmation, ledgers.get(run.series_id, ALONE)), confirmation)
    return found


def evidence_of(result: dict[str, Any]) -> Evidence | None:
    """What a run or a confirmation stored."""
    stored = result.get("evidence")
    return Evidence.from_dict(stored) if stored else None


def _verdict(run: TrainingRun, confirmation: TrainingRun | None, ledger: Standing) -> Verdict:
    confirmed = confirmation is not None and confirmation.status == Status.COMPLETED
    pooled = evidence_of(confirmation.result) if confirmed and confirmation else None
    return judge_adjusted(
        single=evidence_of(run.result),
        pooled=pooled,
        confirmed=confirmed,
        adjusted=ledger.adjust(pooled.p_value) if pooled else None,
        tries=ledger.tries,
        on=run.config["symbol"],
    )

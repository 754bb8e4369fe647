"""Verdicts of candle runs: a run's own result, its confirmation, and what its trial fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.evidence.trials import counted_of
from training.models import Status, TrainingRun, Trial
from training.quant.candle.verdict import Evidence, Verdict, judge

MODELS = ("candle", "ensemble")  # kinds whose runs make a model of one series


@dataclass(frozen=True)
class CandleVerdict:
    """`verdict` is None while the run has no result; `confirmation` is its newest, if one was asked for."""

    verdict: Verdict | None
    confirmation: TrainingRun | None


def candle_verdicts(runs: Sequence[TrainingRun]) -> dict[int, CandleVerdict]:
    """By primary key. Two queries, however many runs and trials."""
    completed = [run for run in runs if run.kind in MODELS and run.status == Status.COMPLETED]
    jobs = TrainingRun.objects.filter(kind="confirmation", subject__in=completed).defer("config", "error_trace")
    confirmations = {job.subject_id: job for job in jobs.order_by("id")} if completed else {}
    trials = Trial.objects.in_bulk({run.trial_id for run in completed if run.trial_id}) if completed else {}
    verdicts = {run.pk: CandleVerdict(None, None) for run in runs}
    for run in completed:
        confirmation, trial = confirmations.get(run.pk), trials.get(run.trial_id or 0)
        verdicts[run.pk] = CandleVerdict(_verdict(run, confirmation, trial) if trial else None, confirmation)
    return verdicts


def evidence_of(result: dict[str, Any]) -> Evidence | None:
    """What a run or a confirmation stored."""
    stored = result.get("evidence")
    return Evidence.from_dict(stored) if stored else None


def _verdict(run: TrainingRun, confirmation: TrainingRun | None, trial: Trial) -> Verdict:
    confirmed = confirmation is not None and confirmation.status == Status.COMPLETED
    return judge(
        single=evidence_of(run.result),
        pooled=evidence_of(confirmation.result) if confirmed and confirmation else None,
        confirmed=confirmed,
        counted=counted_of(trial),
        on=run.config["symbol"],
        seen_until=run.seen_until,
    )

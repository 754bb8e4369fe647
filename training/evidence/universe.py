"""The ledger of tries on universes, and the verdicts of runs and walks as they are now: read from it, not stored."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.utils import timezone

from training.models import Status, TrainingRun, UniverseTry
from training.quant.universe.verdict import UniverseVerdict, judge_universe

Ledger = dict[tuple[str, str], float | None]  # (params hash, as of) -> p-value
OF_UNIVERSES = ("universe", "walk")


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of the completed universe runs and walks among `runs`. One query, none without such a run."""
    completed = [run for run in runs if run.kind in OF_UNIVERSES and run.status == Status.COMPLETED]
    ledgers = _ledgers({run.result["universe"] for run in completed})
    return {run.pk: verdict_from(run.result, run.params_hash, ledgers[run.result["universe"]]) for run in completed}


def verdict_from(result: dict[str, Any], params_hash: str, ledger: Ledger) -> UniverseVerdict:
    """Of what a run or walk with these parameters found, among the tries of its universe."""
    found, key = result["evidence"], (params_hash, result["as_of"])
    tries = {**ledger, key: found["p_value"]}
    return judge_universe(
        sharpe=found["sharpe"],
        p_value=found["p_value"],
        days=found["days"],
        tries=list(tries.values()),
        own=list(tries).index(key),
        on=result["universe"],
    )


def ledger_of(universe: str) -> Ledger:
    return _ledgers({universe})[universe]


def universe_try_enter(*, result: dict[str, Any], params_hash: str, run_id: str) -> None:
    """Into the ledger, once for each configuration and day."""
    one = UniverseTry(
        universe=result["universe"],
        params_hash=params_hash,
        as_of=result["as_of"],
        run_id=run_id,
        p_value=result["evidence"]["p_value"],
        made_at=timezone.now(),
    )
    UniverseTry.objects.bulk_create([one], ignore_conflicts=True)


def _ledgers(universes: Collection[str]) -> dict[str, Ledger]:
    found: dict[str, Ledger] = defaultdict(dict)
    rows = UniverseTry.objects.filter(universe__in=universes).order_by("id") if universes else []
    for one in rows:
        found[one.universe][(one.params_hash, one.as_of.isoformat())] = one.p_value
    return found

"""Verdicts of universe runs as they are now: read from the ledger of tries, not stored."""

from collections import defaultdict
from collections.abc import Sequence

from training.models import Kind, Status, TrainingRun, UniverseTry
from training.quant.universe_verdict import UniverseVerdict, judge_universe

_Key = tuple[str, str]  # (params hash, as of)


def universe_verdicts(runs: Sequence[TrainingRun]) -> dict[int, UniverseVerdict]:
    """By primary key, of the completed universe runs among `runs`. One query, none without such a run."""
    completed = [run for run in runs if run.kind == Kind.UNIVERSE and run.status == Status.COMPLETED]
    ledgers: dict[str, dict[_Key, float | None]] = defaultdict(dict)
    if completed:
        names = {run.result["universe"] for run in completed}
        for one in UniverseTry.objects.filter(universe__in=names).order_by("id"):
            ledgers[one.universe][(one.params_hash, one.as_of.isoformat())] = one.p_value
    return {run.pk: _verdict(run, ledgers[run.result["universe"]]) for run in completed}


def _verdict(run: TrainingRun, ledger: dict[_Key, float | None]) -> UniverseVerdict:
    found, key = run.result["evidence"], (run.params_hash, run.result["as_of"])
    tries = {**ledger, key: found["p_value"]}
    return judge_universe(
        sharpe=found["sharpe"],
        p_value=found["p_value"],
        days=found["days"],
        tries=list(tries.values()),
        own=list(tries).index(key),
        on=run.result["universe"],
    )

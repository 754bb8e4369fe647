"""A walk over a universe in the caller's own process, and its entry into the ledger of tries."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from training.models import UniverseTry
from training.quant.universe_spec import UniverseSpec
from training.quant.universe_verdict import judge_universe
from training.quant.universe_walk import walk_json, walk_universe
from training.universe_data import universe_data

WALK = "walk_forward"  # stands in the ledger in place of a run


def walk_forward(
    *, spec: UniverseSpec, folds: int, step: int, window: str, tell: Callable[[float, str], None]
) -> dict[str, Any]:
    """The JSON of `walk_forward`. Raises SpecError and TooLittle. A walk is a try on its universe like any run."""
    tell(0.0, f"bars and features of the universe {spec.universe}")
    data = universe_data(spec)
    walk = walk_universe(
        data.panel,
        spec,
        folds=folds,
        step=step,
        window=window,
        on_fold=lambda number, text: tell((number + 0.2) / (folds + 0.2), f"fold {number + 1} of {folds}: {text}"),
    )
    found = walk.pooled.books.excess
    mark = hashlib.sha256(f"{spec.params_hash()} {WALK} {folds} {step} {window}".encode()).hexdigest()
    UniverseTry.objects.bulk_create(
        [
            UniverseTry(
                universe=spec.universe,
                params_hash=mark,
                as_of=data.as_of,
                run_id=WALK,
                p_value=found.p_value,
                made_at=timezone.now(),
            )
        ],
        ignore_conflicts=True,
    )
    ledger = list(UniverseTry.objects.filter(universe=spec.universe).order_by("id"))
    own = next(i for i, one in enumerate(ledger) if (one.params_hash, one.as_of) == (mark, data.as_of))
    tries = [one.p_value for one in ledger]
    tries[own] = found.p_value
    verdict = judge_universe(
        sharpe=found.sharpe, p_value=found.p_value, days=found.days, tries=tries, own=own, on=spec.universe
    )
    return {
        "universe": spec.universe,
        "as_of": data.as_of.isoformat(),
        "instruments": len(data.panel.symbols),
        "window": window,
        "params_hash": mark,
        "data_hash": data.data_hash,
        **walk_json(data.panel, walk),
        "verdict": verdict.as_dict(),
    }

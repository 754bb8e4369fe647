"""The noise control of a universe: its walk once more, on returns that no feature can foretell. PROTOCOL §5.3."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.quant.candle.verdict import LEAST_WINDOWS, LEVEL, Label
from training.quant.universe.evidence import UniverseEvidence, universe_evidence
from training.quant.universe.honest.train import TREES
from training.quant.universe.honest.walk import honest_fold
from training.quant.universe.metrics import rank_ic
from training.quant.universe.noise_control import control_panel
from training.quant.universe.panel import Panel
from training.quant.universe.predictions import Floats
from training.quant.universe.spec import HONEST
from training.quant.universe.train import fit_rows
from training.quant.walk_forward.folds import WalkPlan, plan_walk
from training.quant.walk_forward.spec import WalkSpec

MORE = 4  # controls where the first is below the level, as luck lets one in twenty be

OnFold = Callable[[int, int], None]  # (folds done, folds to do as far as is known)


@dataclass(frozen=True)
class ControlWalk:
    """What a walk over the returns of others shows: mean rank IC over its days, None where no outcome is known."""

    seed: int
    rank_ic: float | None
    evidence: UniverseEvidence

    @property
    def label(self) -> Label:
        """At the level of a first trial without correction: it must not be `evidence`."""
        p_value = self.evidence.p_value
        is_found = p_value is not None and p_value < LEVEL and self.evidence.windows >= LEAST_WINDOWS
        return Label.EVIDENCE if is_found else Label.NO_EVIDENCE


def control_walks(panel: Panel, walk: WalkSpec, *, on_fold: OnFold) -> list[ControlWalk]:
    """One, by the run's own seed; where that finds something, MORE besides, by the seeds that follow: luck finds
    something in one, a recipe that sees the future in all. Raises TooLittle."""

    def walked(number: int, todo: int) -> ControlWalk:
        before, seed = number * walk.folds, walk.spec.seed + number
        return control_walk(panel, walk, seed=seed, on_fold=lambda done: on_fold(before + done, todo))

    first = walked(0, walk.folds)
    if first.label != Label.EVIDENCE:
        return [first]
    return [first, *(walked(number, (1 + MORE) * walk.folds) for number in range(1, 1 + MORE))]


def control_walk(
    panel: Panel, walk: WalkSpec, *, seed: int, on_fold: Callable[[int], None] = lambda done: None
) -> ControlWalk:
    """`walk` over `panel` with the returns of others, of other days, in fit and judge. `seed` draws whose and of which
    days; models are fitted by the walk's own. Raises TooLittle."""
    others = control_panel(panel, seed=seed)
    plan = plan_walk(others, walk)
    rows, scores = plan.all_evaluated, _scores(plan, on_fold)
    has_outcome = others.has_outcome[rows]
    daily = rank_ic(others.day[rows][has_outcome], scores[has_outcome], others.returns[rows][has_outcome])
    return ControlWalk(
        seed,
        float(daily.mean()) if len(daily) else None,
        universe_evidence(
            others,
            rows,
            scores,
            horizon=walk.spec.horizon,
            windows=walk.folds,
            exposures=plan.rows.exposures if walk.spec.recipe == HONEST else None,
        ),
    )


def _scores(plan: WalkPlan, on_fold: Callable[[int], None]) -> Floats:
    """(n,) of `plan.all_evaluated`, each fold's by a model of its past: what the walk's folds say, in one go."""
    panel, spec = plan.panel, plan.walk.spec
    scores = []
    for number in range(plan.walk.folds):
        on_fold(number)
        if spec.recipe != HONEST:
            pair = fit_rows(panel, plan.labels, plan.used(number), seed=spec.seed)
            scores.append(pair.expected(panel.features[plan.evaluated(number)]))
            continue
        first, last = plan.span(number)
        fold = honest_fold(
            plan.rows,
            first=first,
            last=last,
            embargo=spec.embargo,
            since=plan.since(number),
            with_trees=spec.score == TREES,
            seed=spec.seed,
        )
        scores.append(fold.scores[spec.score])
    return np.concatenate(scores)

"""The noise control of a universe run or a walk carried out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from boursomatic.shared.records import to_json
from training.evidence.universe import universe_confirmations
from training.models import Status, TrainingRun
from training.quant.candle.verdict import LEVEL, Label, p_text
from training.quant.stats.threads import on_threads
from training.quant.universe.panel import TooLittle
from training.quant.walk_forward.noise_control import ControlWalk, control_walks
from training.quant.walk_forward.spec import WalkSpec, confirming_walk
from training.recipes.base import Completed, Work
from training.recipes.universe.again import data_then, members_then
from training.recipes.universe_control.schema import ShuffledWalk, WalkFigures


def execute(work: Work) -> Completed:
    """PROTOCOL §5.3: the walk that judges the run, once more on the returns of others. Raises SpecError."""
    run, spec, progress = work.run.subject, work.spec, work.progress
    assert run is not None
    progress.stage("load", 0.02, "bars and features")
    own = spec.spec if isinstance(spec, WalkSpec) else spec
    panel = data_then(run, own, members_then(run)).panel
    labelled = len(np.unique(panel.day[panel.has_outcome]))
    walk = spec if isinstance(spec, WalkSpec) else confirming_walk(spec, days=labelled)
    try:
        if walk is None:
            raise TooLittle(f"Too little data for a walk-forward: {labelled} days have features and a known outcome.")
        with on_threads(work.cores()):
            walks = control_walks(
                panel,
                walk,
                on_fold=lambda done, todo: progress.stage(
                    "walk", 0.1 + 0.85 * done / todo, f"fold {done + 1} of {todo}"
                ),
            )
    except TooLittle as error:
        return Completed(result={"sentence": str(error)})
    return Completed(result=_result(walks, _real(run)))


def _real(run: TrainingRun) -> WalkFigures | None:
    """What the walk shows that judged the run; its own, if it is one."""
    walk = run if "pooled" in run.result else universe_confirmations([run]).get(run.pk)
    if walk is None or walk.status != Status.COMPLETED or "rank_test" not in walk.result:
        return None
    return WalkFigures(rank_ic=walk.result["pooled"]["rank_ic"], p_value=walk.result["rank_test"]["p_value"])


def _result(walks: Sequence[ControlWalk], real: WalkFigures | None) -> dict[str, Any]:
    reached = sum(walk.label == Label.EVIDENCE for walk in walks)
    shuffled = [ShuffledWalk(seed=w.seed, rank_ic=w.rank_ic, p_value=w.evidence.p_value) for w in walks]
    label = label_of(reached, len(walks))
    return {
        "label": str(label),
        "real": to_json(real),
        "shuffled": to_json(shuffled),
        "windows": walks[0].evidence.windows,
        "days": walks[0].evidence.days,
        "sentence": f"{shuffled_text(shuffled, reached, label)} {real_text(real)}",
    }


def label_of(reached: int, walks: int) -> Label:
    """Something is found where nothing is if most of several walks find it: one in twenty does by luck."""
    return Label.EVIDENCE if reached > 1 and 2 * reached > walks else Label.NO_EVIDENCE


def shuffled_text(shuffled: Sequence[ShuffledWalk], reached: int, label: Label) -> str:
    given = "With the returns of other instruments, of other days, the same walk shows "
    first = shuffled[0]
    if len(shuffled) == 1:
        return f"{given}{_figures(first)}: no evidence, as it must be."
    among = f"a p-value below {LEVEL:g} in {reached} of {len(shuffled)} draws ({_figures(first)} in the first): "
    if label == Label.EVIDENCE:
        return f"{given}{among}these settings find something WHERE NOTHING IS. Do not trust this run's verdict."
    return f"{given}{among}luck does that in one of twenty, so this is no evidence, as it must be."


def real_text(real: WalkFigures | None) -> str:
    if real is None:
        return "The run itself was not walked forward, so there is nothing to hold it against."
    return f"With their own returns it shows {_figures(real)}."


def _figures(figures: WalkFigures) -> str:
    ic = "no rank IC" if figures.rank_ic is None else f"a rank IC of {figures.rank_ic:.3f}"
    return ic if figures.p_value is None else f"{ic} (p = {p_text(figures.p_value)})"

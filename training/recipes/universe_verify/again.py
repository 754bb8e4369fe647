"""A universe run or a walk made again from what is stored, and held against what it was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from instruments.quant.features.daily import DAY
from training.artifacts.storage import sha256
from training.models import Status, TrainingRun
from training.quant.universe.honest.run import train_honest
from training.quant.universe.panel import Panel
from training.quant.universe.predictions import Floats
from training.quant.universe.spec import HONEST, UniverseSpec
from training.quant.universe.train import train_universe
from training.quant.universe.truncation import fit_evaluated
from training.quant.walk_forward.folds import Fold, fold_json, plan_walk, walk_fold
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.universe.again import MembersThen
from training.recipes.universe.model_files import hash_of, model_texts
from training.recipes.universe.results import universe_leftovers
from training.recipes.universe_verify.then import as_they_stood
from training.recipes.universe_verify.truncation import data_of_others, ends_with
from training.recipes.verification.schema import BarsChanged

OnStage = Callable[[str, float, str], None]
SPLITS = ("rows", "borders", "used_until", "instruments", "bars")
OF_THE_LEDGER = ("deflated_sharpe",)  # by how many were tried until then
FIGURES = ("metrics", "evidence", "rank_test", "auc_buy", "beside")
MODELS = ("model_hash", "judged_model_hash")


@dataclass(frozen=True)
class Again:
    """`unlike`: which of splits, figures and models are not what they were; `is_other_data`: it was trained on other
    bars than the run, those of `symbols_changed` as far as the run tells, because their state of then isn't recorded;
    `bars_changed`: what has changed since of the bars that it was trained on; `holds`: later bars change nothing: none
    after `last`, its last bar, and in a model that was tested none after `fitted_until`."""

    model_hash: str | None
    unlike: list[str]
    is_other_data: bool
    symbols_changed: list[str]
    bars_changed: BarsChanged | None
    holds: bool
    last: date
    fitted_until: date


def run_again(run: TrainingRun, spec: UniverseSpec, on_stage: OnStage) -> Again:
    """Both models and every figure. Raises SpecError and NotTrainable where the bars won't do any more."""
    last = date.fromisoformat(run.result["as_of"])
    stood = as_they_stood(run, spec, on_stage)
    members, data = stood.members, stood.data
    train = train_honest if spec.recipe == HONEST else train_universe
    outcome = train(data.panel, spec, on_stage=lambda stage, share, text: on_stage(stage, 0.7 * share, text))
    now, texts = universe_leftovers(run, spec, data, outcome).result, model_texts(outcome.deployed)
    until = int(data.panel.days[outcome.split.known_by["train"]])
    on_stage("truncate", 0.6, "the tested model once more, with other bars after its last outcome")
    others = data_of_others(members, spec, last=last, moment=(until + 1) * DAY - 1)
    is_same_model = hash_of(model_texts(fit_evaluated(others.panel, spec))) == now["judged_model_hash"]
    unlike = _unlike(run.result, now)
    if not _has_texts(run, texts) and "models" not in unlike:
        unlike.append("models")
    return Again(
        model_hash=now["model_hash"],
        unlike=unlike,
        is_other_data=data.data_hash != run.result["data_hash"],
        symbols_changed=stood.unlike,
        bars_changed=stood.changed,
        holds=_ends_with(members, last, on_stage) and is_same_model,
        last=last,
        fitted_until=_date(until),
    )


def walk_again(run: TrainingRun, walk: WalkSpec, on_stage: OnStage) -> Again:
    """Every fold's predictions and figures, to the bit; the last fold once more with other bars after its first day:
    what it says on that day stays. Raises as `run_again`."""
    last = date.fromisoformat(run.result["as_of"])
    stood = as_they_stood(run, walk.spec, on_stage)
    members, data = stood.members, stood.data
    folds = _walked(run, data.panel, walk, on_stage)
    unlike = [] if _folds_hold(run, data.panel, folds) else ["figures"]
    until = int(data.panel.days[folds[-1].first])
    on_stage("truncate", 0.7, "the last fold once more, with other bars after its first day")
    others = data_of_others(members, walk.spec, last=last, moment=(until + 1) * DAY - 1)
    again = walk_fold(plan_walk(others.panel, walk), walk.folds - 1, on_fold=lambda *_: None)
    return Again(
        model_hash=None,
        unlike=unlike,
        is_other_data=data.data_hash != run.result["data_hash"],
        symbols_changed=stood.unlike,
        bars_changed=stood.changed,
        holds=_ends_with(members, last, on_stage)
        and _first_day(data.panel, folds[-1]) == _first_day(others.panel, again),
        last=last,
        fitted_until=_date(until),
    )


def _walked(run: TrainingRun, panel: Panel, walk: WalkSpec, on_stage: OnStage) -> list[Fold]:
    """Each annualised as it was: a calendar may have been filled between two of them."""
    then = {part.config["fold"]: part.result.get("bars_a_year") for part in run.parts.filter(status=Status.COMPLETED)}
    years = [then.get(number) for number in range(1, walk.folds + 1)]
    plans = {year: plan_walk(replace(panel, sessions_a_year=year), walk) for year in set(years)}
    folds: list[Fold] = []
    scores: dict[int, Floats] = {}
    for number, year in enumerate(years):
        on_stage("fit", 0.1 + 0.6 * number / walk.folds, f"fold {number + 1} of {walk.folds}")
        folds.append(walk_fold(plans[year], number, on_fold=lambda *_: None, scores=scores))
        scores[number] = folds[-1].predictions.scores
    return folds


def _folds_hold(run: TrainingRun, panel: Panel, folds: list[Fold]) -> bool:
    """The folds of then are runs with a hash of what their models predicted; the pooled figures follow from that."""
    then = {part.config["fold"]: part for part in run.parts.filter(status=Status.COMPLETED)}
    return all(
        number in then
        and sha256(fold.predictions.to_bytes()) == then[number].result["said"]
        and holds(then[number].result["fold"], fold_json(panel, fold))
        for number, fold in enumerate(folds, start=1)
    )


def _first_day(panel: Panel, fold: Fold) -> bytes:
    """What a fold's models predict on its first day, to the bit."""
    day = panel.day[fold.evaluation.rows] == fold.first
    return b"".join(
        np.ascontiguousarray(values).tobytes() for values in fold.predictions.where(day).as_arrays().values()
    )


def _ends_with(members: MembersThen, last: date, on_stage: OnStage) -> bool:
    on_stage("truncate", 0.85, f"features from bars that end on {last}")
    return ends_with(members.series, last)


def _unlike(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    groups = {"splits": SPLITS, "figures": FIGURES, "models": MODELS}
    return [name for name, keys in groups.items() if not all(holds(then.get(key), now[key]) for key in keys)]


def holds(then: Any, now: Any) -> bool:
    """Whether all that was stored is there again, to the bit, however deep. What later releases added is not asked
    for, nor what hangs on the trials of its ledger."""
    if then is None:
        return True
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return all(
            name in now and (then[name] == now[name] or holds(then[name], now[name]))
            for name in then
            if name not in OF_THE_LEDGER
        )
    return bool(then == now)


def _has_texts(run: TrainingRun, texts: Mapping[str, bytes]) -> bool:
    """Whether the deployed model's files are those of then."""
    version = getattr(run, "model_version", None)
    return version is None or all(version.files.get(name) == sha256(text) for name, text in texts.items())


def _date(day: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day)

"""What a finished universe run leaves behind: its JSON and its files."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from boursomatic.shared.records import to_json
from instruments.quant.features.daily import FEATURE_SET, VERSION
from training.artifacts.provenance import code_version, library_versions
from training.artifacts.storage import sha256
from training.evidence.selection import Selection
from training.models import TrainingRun
from training.quant.candle.export import json_bytes
from training.quant.candle.spec import COST_BP
from training.quant.stats.backtest import Performance
from training.quant.stats.bootstrap import equity_band
from training.quant.stats.stability import MOST_ROWS, distribution_of
from training.quant.universe.honest.model import FACTS, HonestModel
from training.quant.universe.model import FORMAT
from training.quant.universe.panel import CLASSES, COLUMNS, PARTS, Panel
from training.quant.universe.shelf_life import AgeBin, age_bins, shelf_life
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import Evaluation, UniverseOutcome
from training.recipes.universe.data import UniverseData
from training.recipes.universe.membership import membership_json
from training.recipes.universe.model_files import (
    artifacts_of,
    feature_names,
    hash_of,
    importance,
    importance_csv,
    model_objects,
    model_texts,
)
from training.recipes.universe.schema import (
    AucOfBuy,
    Beside,
    Borders,
    PartMetrics,
    PartRows,
    UniverseMetrics,
    UniverseResult,
)


@dataclass(frozen=True)
class Leftovers:
    """`result`: what lists, API and command show; `detail`: what only the run's own page and files hold; `files`: name
    -> content of everything in the run's folder."""

    result: dict[str, Any]
    detail: dict[str, Any]
    files: dict[str, bytes]


def universe_leftovers(run: TrainingRun, spec: UniverseSpec, data: UniverseData, outcome: UniverseOutcome) -> Leftovers:
    """The manifest comes last and holds the others' hashes. That of `honest` has nothing that names this one run, since
    its own SHA-256 is the model's hash: the same data, settings and code give the same."""
    names, texts = artifacts_of(spec), model_texts(outcome.deployed)
    evaluated = model_texts(outcome.evaluated) if spec.refit else texts
    detail = universe_detail(data, spec, outcome)
    files = {**texts, **model_objects(outcome.deployed, spec), names["feature_importance"]: importance_csv(detail)}
    facts = _manifest(run, spec, data, outcome, detail) | {"judged_model_hash": hash_of(evaluated)}
    manifest, mark = b"", hash_of(texts)
    if isinstance(outcome.deployed, HonestModel):
        manifest = json_bytes({**facts, FACTS: outcome.deployed.facts(), "files": _hashes(files)})
        mark = sha256(manifest)
    result = universe_result(run, spec, data, outcome, model_hash=mark, judged_hash=facts["judged_model_hash"])
    files[names["metrics"]] = json_bytes({"run_id": run.run_id, "config": spec.as_dict(), **result, **detail})
    if not manifest:
        author = run.created_by.get_username() if run.created_by else None
        own = {"version": result["version"], "model_hash": mark, "created_by": author, **detail["made_with"]}
        manifest = json_bytes({**facts, **own, "files": _hashes(files)})
    return Leftovers(result, detail, {**files, names["manifest"]: manifest})


def with_deflated_sharpe(evaluation: Evaluation, selection: Selection) -> Evaluation:
    """M with what its portfolio's Sharpe ratio is worth among the trials of its ledger."""
    figure = selection.deflated_sharpe(evaluation.portfolios.long_short.returns)
    return replace(evaluation, metrics={**evaluation.metrics, "deflated_sharpe": figure})


def universe_result(
    run: TrainingRun,
    spec: UniverseSpec,
    data: UniverseData,
    outcome: UniverseOutcome,
    *,
    model_hash: str,
    judged_hash: str,
) -> dict[str, Any]:
    """A UniverseResult."""
    test, bins = outcome.test, ages_of_evaluated(data.panel, outcome, spec.horizon)
    result = UniverseResult(
        version=version_of(run),
        universe=spec.universe,
        as_of=data.as_of.isoformat(),
        instruments=len(data.panel.symbols),
        bars=data.bars,
        rows=PartRows(**{name: len(getattr(outcome.split, name)) for name in PARTS}),
        borders=Borders(**{name: day_of(data.panel, place) for name, place in outcome.split.boundaries.items()}),
        metrics=PartMetrics(
            validation=UniverseMetrics(**outcome.validation.metrics), test=UniverseMetrics(**test.metrics)
        ),
        evidence=test.portfolios.excess,
        rank_test=outcome.evidence,
        auc_buy=AucOfBuy(model=outcome.model_auc, logistic=outcome.logistic_auc),
        beside={name: Beside(**figures) for name, figures in outcome.beside.items()},
        feature_names=feature_names(spec),
        artifact_paths=artifacts_of(spec),
        data_hash=data.data_hash,
        model_hash=model_hash,
        judged_model_hash=judged_hash,
        used_until=day_of(data.panel, outcome.used_until),
        survivors_only=data.survivors_only,
        bars_a_year=data.panel.bars_a_year,
        shelf_life=shelf_life(bins),
        shelf_life_bins=bins,
    )
    stored: dict[str, Any] = to_json(result)
    return stored


def universe_detail(data: UniverseData, spec: UniverseSpec, outcome: UniverseOutcome) -> dict[str, Any]:
    """What only the run's own page and files hold: reports, books day by day, importance, proof."""
    panel, split, test = data.panel, outcome.split, outcome.test
    band = equity_band(test.portfolios.long_short.returns, mean_block=spec.horizon)
    rows = split.scored(panel, "validation")
    return {
        "reports": {"validation": outcome.validation.reports, "test": outcome.test.reports},
        "books": {
            "validation": _portfolios(panel, outcome.validation),
            "test": {**_portfolios(panel, test), "band": to_json(band)},
        },
        "cost_bp": COST_BP,
        **importance(panel, outcome, spec),
        "symbols": list(panel.symbols),
        "marks": list(data.marks),
        **({"membership": membership_json(data.membership)} if data.membership else {}),
        "distribution": _distribution(panel, spec, outcome),
        "proof": {
            "last_train_outcome": day_of(panel, int(panel.outcome[split.train].max())),
            "first_validation_decision": day_of(panel, split.boundaries["validation_first"]),
            "last_validation_outcome": day_of(panel, int(panel.outcome[rows].max())),
            "first_test_decision": day_of(panel, split.boundaries["test_first"]),
        },
        "made_with": {"code_version": code_version(), "library_versions": library_versions()},
    }


def _manifest(
    run: TrainingRun, spec: UniverseSpec, data: UniverseData, outcome: UniverseOutcome, detail: dict[str, Any]
) -> dict[str, Any]:
    """What serving must know of a model of either recipe."""
    return {
        "format": FORMAT,
        "kind": "universe",
        "recipe": spec.recipe,
        "universe": spec.universe,
        "timeframe": "1d",
        "horizon": spec.horizon,
        "buy_threshold": spec.buy_threshold,
        "sell_threshold": spec.sell_threshold,
        "classes": list(CLASSES),
        "feature_set": {"name": FEATURE_SET, "version": VERSION},
        "feature_names": feature_names(spec),
        "refit": spec.refit,
        "as_of": data.as_of.isoformat(),
        "used_until": day_of(data.panel, outcome.used_until),
        "data_hash": data.data_hash,
        "params_hash": run.params_hash,
        "symbols": detail["symbols"],
        "distribution": detail["distribution"],
    }


def _hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {name: sha256(content) for name, content in files.items()}


def version_of(run: TrainingRun) -> str:
    return f"universe-{run.run_id}"


def day_of(panel: Panel, place: int) -> str:
    """The ISO date of a place among the panel's days."""
    return str(panel.days[place].astype("datetime64[D]"))


def _distribution(panel: Panel, spec: UniverseSpec, outcome: UniverseOutcome) -> dict[str, Any]:
    """Of the features that the deployed model was fitted on; and of the scores that the evaluated one gave to days that
    it had not seen: on its own rows a model is surer than it will ever be again."""
    used = np.flatnonzero(panel.has_outcome) if spec.refit else outcome.split.train
    unseen = np.concatenate([outcome.validation.rows, outcome.test.rows])
    scores = np.concatenate([part.predictions.probabilities for part in (outcome.validation, outcome.test)])
    every = slice(None, None, max(1, len(unseen) // MOST_ROWS))
    names = tuple(f"p_{name.lower()}" for name in CLASSES)
    return {
        "features": distribution_of(COLUMNS, panel.features, panel.day, rows=used).as_dict(),
        "scores": distribution_of(names, scores[every], panel.day[unseen[every]]).as_dict(),
    }


def ages_of_evaluated(panel: Panel, outcome: UniverseOutcome, horizon: int) -> list[AgeBin]:
    """Of the evaluated model, which was fitted on train alone, over validation and test."""
    rows = np.concatenate([outcome.validation.rows, outcome.test.rows])
    scores = np.concatenate([part.predictions.scores for part in (outcome.validation, outcome.test)])
    known = panel.has_outcome[rows]
    day = panel.day[rows[known]]
    age = day - outcome.split.known_by["train"] + 1
    return age_bins(day, age, scores[known], panel.returns[rows[known]], horizon=horizon)


def _portfolios(panel: Panel, evaluation: Evaluation) -> dict[str, Any]:
    by_name: dict[str, Any] = {"days": [day_of(panel, place) for place in evaluation.portfolios.days.tolist()]}
    for name in ("long_short", "long_only", "equal_weight"):
        book: Performance = getattr(evaluation.portfolios, name)
        by_name[name] = book.as_dict()
    return by_name

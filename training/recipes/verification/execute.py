"""A candle run trained again from what is stored, and held against what it was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from training.artifacts.provenance import code_version, libraries_changed
from training.artifacts.storage import sha256
from training.models import TrainingRun
from training.quant.candle.spec import CandleSpec, SpecError
from training.quant.candle.train import CandleOutcome, train_candle
from training.recipes.base import Completed, Work
from training.recipes.candle.data import CandleData, candle_data, rule_matters
from training.recipes.candle.results import data_hash, rows_hash

OnStage = Callable[[str, float, str], None]
RULE_CHANGED_IN = "0.2.0"  # the release that brought `rows_rule: 2`


def execute(work: Work) -> Completed:
    """The run's subject trained again."""
    assert work.run.subject is not None
    return Completed(result=verification(work.run.subject, work.progress.stage))


def verification(run: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """PROTOCOL §5: a run trained again, and once more with every bar after its decision cut off.

    `differs` names what isn't as it was: data, code_version, library_versions, params. Identical means the SHA-256 of
    the model's text and every probability of the test window.
    """
    spec = CandleSpec.from_dict(run.config)
    assert run.series is not None
    on_stage("retrain", 0.1, "from what is stored")
    try:
        data = candle_data(run.series, spec)
    except SpecError as error:
        return {"identical": False, "differs": ["data"], "truncation_identical": None, "sentence": f"Differs: {error}"}
    again = _train(data, spec)
    on_stage("truncate", 0.6, "without any bar after the decision")
    cut = replace(data, bars=data.bars.slice(0, data.decision + 1))
    truncated = _train(cut, replace(spec, live=True))
    text = again.final.text()
    probabilities = [row["probability"] for row in run.detail["test_rows"]]
    identical = sha256(text) == run.result["model_hash"] and again.test_probability.tolist() == probabilities
    then, rows = run.detail["made_with"], rows_hash(data)
    changed = {
        "data": data_hash(data) != run.result["data_hash"] or rows != run.detail.get("rows_hash", rows),
        "code_version": code_version() != then["code_version"],
        "library_versions": libraries_changed(then["library_versions"]),
        "params": spec.params_hash() != run.params_hash,
    }
    differs = [name for name, is_changed in changed.items() if is_changed]
    holds = truncated.final.text() == text
    return {
        "identical": identical,
        "differs": differs,
        "truncation_identical": holds,
        "model_hash": sha256(text),
        "sentence": _verified(
            identical=identical,
            differs=differs,
            holds=holds,
            rule_changed=spec.by_first_rule and rule_matters(data, spec),
        ),
    }


def _verified(*, identical: bool, differs: list[str], holds: bool, rule_changed: bool) -> str:
    changed = ", ".join(name.replace("_", " ") for name in differs)
    if identical:
        first = "Bit-identical: training again gives the same model and the same probabilities"
        first += f" (although the {changed} changed)." if differs else "."
    elif differs:
        first = f"Differs: since this run the {changed} changed."
    else:
        first = "Differs, although data, code, libraries and parameters are the same: please report this."
    if rule_changed:
        rule = f"The rule for outcomes changed in release {RULE_CHANGED_IN}: a run of today leaves out stale bars and "
        first = f"{rule}unmoved closes. By the rule that this run was made by: {first[0].lower()}{first[1:]}"
    second = (
        "Cutting off every bar after the decision changes nothing in the model."
        if holds
        else "Cutting off the bars after the decision CHANGES the model: it has seen the future. Do not trust it."
    )
    return f"{first} {second}"


def _train(data: CandleData, spec: CandleSpec) -> CandleOutcome:
    return train_candle(
        data.bars, decision=data.decision, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
    )

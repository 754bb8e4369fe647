"""A run that made a model of one series made again from what is stored, and held against what it was."""

from collections.abc import Callable
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.ensemble.spec import series_spec
from training.recipes.base import Completed, Work
from training.recipes.verification.again import Again, made_again
from training.recipes.verification.schema import BarsChanged
from training.recipes.verification.since import changed_since, untrainable
from training.recipes.verification.then import changes_text, on_bars_then, unrecorded_text

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
    spec = series_spec(run.config)
    on_stage("retrain", 0.1, "from what is stored, and once more without any bar after the decision")
    try:
        again = made_again(run, spec)
    except SpecError as error:
        return untrainable(error)
    probabilities = [row["probability"] for row in run.detail["test_rows"]]
    identical = again.model_hash == run.result["model_hash"] and again.probabilities == probabilities
    differs = changed_since(run, params_hash=spec.params_hash(), is_other_data=again.is_other_data)
    return {
        "identical": identical,
        "differs": differs,
        "truncation_identical": again.holds,
        "model_hash": again.model_hash,
        "sentence": _verified(run, again, identical=identical, differs=differs),
        "bars_changed": to_json(again.bars_changed),
    }


def _verified(run: TrainingRun, again: Again, *, identical: bool, differs: list[str]) -> str:
    changed = ", ".join(name.replace("_", " ") for name in differs)
    if identical:
        first = (
            f"Bit-identical{_then(again.bars_changed)}: training again gives the same model and the same probabilities"
        )
        first += f" (although the {changed} changed)." if differs else "."
    elif differs:
        first = f"Differs{_then(again.bars_changed)}: since this run the {changed} changed."
    else:
        first = "Differs, although data, code, libraries and parameters are the same: please report this."
    if again.bars_changed:
        first += f" {changes_text(again.bars_changed)}"
    if again.is_other_data and run.series:
        first += unrecorded_text(run, [run.series])
    if again.rule_changed:
        rule = f"The rule for outcomes changed in release {RULE_CHANGED_IN}: a run of today leaves out stale bars and "
        first = f"{rule}unmoved closes. By the rule that this run was made by: {first[0].lower()}{first[1:]}"
    second = (
        "Cutting off every bar after the decision changes nothing in the model."
        if again.holds
        else "Cutting off the bars after the decision CHANGES the model: it has seen the future. Do not trust it."
    )
    return f"{first} {second}"


def _then(changed: BarsChanged | None) -> str:
    return f" {on_bars_then(changed)}" if changed else ""

"""Jobs about a finished run: walk-forward confirmation, noise control, verification. Each gives the JSON of its row."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from training.artifacts.provenance import code_version, library_versions
from training.artifacts.storage import sha256
from training.models import Kind, TrainingRun
from training.quant.candle.confirm import Confirmation, confirm_candle
from training.quant.candle.export import model_text
from training.quant.candle.noise_control import control_candle
from training.quant.candle.spec import STEPS, CandleSpec, SpecError, format_time
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.candle.verdict import LEVEL
from training.recipes.candle.data import CandleData, candle_data
from training.recipes.candle.results import data_hash

OnStage = Callable[[str, float, str], None]


def confirm(job: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """PROTOCOL §3: windows with their AUC, the pooled evidence, and logistic regression on the same rows."""
    spec = CandleSpec.from_dict(job.config)
    assert job.series is not None
    data = candle_data(job.series, spec, steps=STEPS)
    found = confirm_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        on_window=lambda done, todo: on_stage("windows", done / todo, f"window {done + 1} of {todo}"),
    )
    return {
        "evidence": found.pooled.as_dict() if found.pooled else None,
        "logistic": found.logistic.as_dict() if found.logistic else None,
        "logistic_is_better": _logistic_is_better(found),
        "windows": [
            {
                "decision": _iso(window.decision),
                "train_rows": window.train_rows,
                "rows": len(window.labels),
                "up": int(window.labels.sum()),
                "auc": window.auc,
                "auc_interval": list(window.interval) if window.interval else None,
            }
            for window in found.windows
        ],
    }


def control(job: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """PROTOCOL §5.3: where the run's test AUC lies among those of labels rotated in time."""
    spec = CandleSpec.from_dict(job.config)
    assert job.series is not None
    data = candle_data(job.series, spec)
    found = control_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        on_draw=lambda done, todo: on_stage("draws", done / todo, f"draw {done + 1} of {todo}"),
    )
    if found is None:
        return {"sentence": "There is no test window with both classes to compare with.", "rotated": [], "real": None}
    reached = sum(auc >= found.real for auc in found.rotated)
    among = f"{reached} of {len(found.rotated)} rotated runs did as well or better"
    ordinary = found.share >= LEVEL
    return {
        "real": found.real,
        "rotated": found.rotated,
        "share": found.share,
        "sentence": f"With its labels rotated in time, {among} (AUC {found.real:.2f}): "
        + ("what this run shows, noise shows too." if ordinary else "the run stands out from noise in this window."),
    }


def verify(job: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """The job's subject trained again from what is stored."""
    assert job.subject is not None
    return verification(job.subject, on_stage)


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
    text = model_text(again)
    judged = [row["probability"] for row in run.detail["test_rows"]]
    identical = sha256(text) == run.result["model_hash"] and again.test_probability.tolist() == judged
    then = run.detail["made_with"]
    changed = {
        "data": data_hash(data) != run.result["data_hash"],
        "code_version": code_version() != then["code_version"],
        "library_versions": library_versions() != then["library_versions"],
        "params": spec.params_hash() != run.params_hash,
    }
    differs = [name for name, is_changed in changed.items() if is_changed]
    holds = model_text(truncated) == text
    return {
        "identical": identical,
        "differs": differs,
        "truncation_identical": holds,
        "model_hash": sha256(text),
        "sentence": _verified(identical=identical, differs=differs, holds=holds),
    }


def _verified(*, identical: bool, differs: list[str], holds: bool) -> str:
    words = ", ".join(name.replace("_", " ") for name in differs)
    if identical:
        first = "Bit-identical: training again gives the same model and the same probabilities"
        first += f" (although the {words} changed)." if differs else "."
    elif differs:
        first = f"Differs: since this run the {words} changed."
    else:
        first = "Differs, although data, code, libraries and parameters are the same: please report this."
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


def _logistic_is_better(found: Confirmation) -> bool:
    """Both on the same rows: the simpler model ranks better, and luck alone would seldom do as well."""
    if found.pooled is None or found.logistic is None:
        return False
    return found.logistic.auc > found.pooled.auc and found.logistic.p_value < LEVEL


def _iso(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=seconds))


JOBS_TO_DO: dict[Kind, Callable[[TrainingRun, OnStage], dict[str, Any]]] = {
    Kind.CONFIRMATION: confirm,
    Kind.CONTROL: control,
    Kind.VERIFICATION: verify,
}

"""What the pages of models are drawn from: the list, the gate of one, and who activated what when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from training.errors import ActiveChanged, TooLate
from training.evidence.candle import candle_verdicts
from training.evidence.universe import universe_verdicts
from training.models import Activation, ModelVersion
from training.quant.candle.spec import parse_time
from training.quant.candle.verdict import Verdict
from training.quant.universe.verdict import UniverseVerdict
from training.recipes.candle.page import run_subject
from training.registry.activation import (
    activations_of,
    active_on,
    roll_back_target,
    scope_label,
    scope_models,
    scope_text,
)
from training.registry.gate import check_label, data_checks, figure_checks, not_intact, refusals, survivors_only

SHARE_CHECKS = ("precision of BUY", "maximum drawdown")
DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
VERDICTS = {"evidence": "evidence", "weak": "weak sign", "no_evidence": "no evidence"}


@dataclass(frozen=True)
class ModelLine:
    """A line of the list. `refused`: which of its `checks` its own figures fail; data and files only the gate's page
    looks at."""

    model: ModelVersion
    scope: str
    verdict: Verdict | UniverseVerdict | None
    refused: list[str]
    checks: int
    activation: Activation | None  # the one in force, of an active model

    @property
    def name(self) -> str:
        """That its run was given."""
        description = getattr(self.model.run, "description", None)
        return description.name if description else ""

    @property
    def title(self) -> str:
        """What it is called without a name: one of a candle by it."""
        return run_subject(self.model.run) if self.model.series_id else ""


def model_lines(models: Sequence[ModelVersion]) -> list[ModelLine]:
    """Needs `run__description` and `series__instrument` loaded; five queries more, however many models."""
    runs = [model.run for model in models]
    verdicts, of_universes = candle_verdicts(runs), universe_verdicts(runs)
    gates = figure_checks(models, verdicts, of_universes)
    activations = activations_of(models)
    return [
        ModelLine(
            model=model,
            scope=scope_label(scope_text(model)),
            verdict=verdicts[model.run_id].verdict or of_universes.get(model.run_id),
            refused=[check_label(name) for name in refusals(gates[model.pk])],
            checks=len(gates[model.pk]),
            activation=activations.get(model.version),
        )
        for model in models
    ]


def gate_context(model: ModelVersion) -> dict[str, Any]:
    """For `models/gate.html`: every check with its value, what is active now, and what may be done."""
    verdicts, of_universes = candle_verdicts([model.run]), universe_verdicts([model.run])
    metric_checks = figure_checks([model], verdicts, of_universes)[model.pk]
    others = data_checks(model)
    every = [*metric_checks, *others]
    now = scope_models(model).filter(is_active=True).first()
    back, no_way_back = _way_back(model)
    return {
        "model": model,
        "run": model.run,
        "scope": scope_label(scope_text(model)),
        "verdict": verdicts[model.run_id].verdict or of_universes.get(model.run_id),
        "checks": [check_line(check) for check in every],
        "refused": [check_label(name) for name in refusals(every)],
        "not_intact": not_intact(model, others),
        "groups": [
            {"of": "metrics", "checks": len(metric_checks), "refused": len(refusals(metric_checks))},
            {"of": "data and files", "checks": len(others), "refused": len(refusals(others))},
        ],
        "now": now,
        "expected": now.version if now else "",
        "activation": activations_of([model]).get(model.version),
        "back": back,
        "no_way_back": no_way_back,
        "past": Activation.objects.filter(version=model.version).select_related("by")[:20],
        "is_candle": not model.universe,
        "survivors_only": survivors_only(model),
    }


def history_context(day: str, rows: Sequence[Activation]) -> dict[str, Any]:
    """For `models/history.html`: `rows` is a page of activations; `day` (ISO, or "" for now) asks what was active at
    its end."""
    problem, moment = "", datetime.now(UTC)
    if day:
        try:
            moment = datetime.combine(parse_time(day).date(), time.max, tzinfo=UTC)
        except ValueError as error:
            problem = str(error)
    in_force = [] if problem else active_on(moment)
    shown = [*rows, *in_force]
    versions = {activation.version for activation in shown} | {activation.previous for activation in shown}
    existing = ModelVersion.objects.existing().filter(version__in=versions - {""})
    active, names = {}, {}
    for version, is_active, name in existing.values_list("version", "is_active", "run__description__name"):
        active[version], names[version] = is_active, name
    return {
        "day": day,
        "problem": problem,
        "in_force": [
            {
                "activation": activation,
                "scope": scope_label(activation.scope),
                "name": names.get(activation.version),
                "is_known": activation.version in active,
                "back": activation.previous
                if not day and active.get(activation.version) and activation.previous in active
                else "",
            }
            for activation in in_force
        ],
        "rows": [
            {
                "activation": activation,
                "scope": scope_label(activation.scope),
                "name": names.get(activation.version),
                "is_known": activation.version in active,
                "previous_name": names.get(activation.previous),
                "failed": [check_label(name) for name in refusals(activation.gate)],
            }
            for activation in rows
        ],
    }


def check_line(check: dict[str, Any]) -> dict[str, Any]:
    """An activation check as its table shows it: label, value, what is required; shares in per cent."""
    label = check_label(check["check"])
    if check["check"] in SHARE_CHECKS:
        required = DECIMAL.sub(lambda number: f"{100 * float(number[0]):.1f}", check["needed"])
        label += " (%)"
    else:
        required = DECIMAL.sub(lambda number: f"{float(number[0]):.3f}", check["needed"])
    return {
        "label": label[0].upper() + label[1:],
        "passed": check["passed"],
        "required": required,
        "shown": check_value(check),
    }


def check_value(check: dict[str, Any]) -> str:
    """A check's value with three digits, a share in per cent."""
    value = check["value"]
    if value is None:
        return "not defined"
    if check["check"] == "verdict":
        return VERDICTS[value]
    if check["check"] in SHARE_CHECKS:
        return f"{100 * value:.1f}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _way_back(model: ModelVersion) -> tuple[ModelVersion | None, str]:
    """What a roll back would activate, or why there is none."""
    try:
        return roll_back_target(model), ""
    except (ActiveChanged, TooLate) as error:
        return None, str(error)

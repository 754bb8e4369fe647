"""`manage.py activate_model`: makes a model the active one of its scope, if its activation checks pass."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.errors import ActiveChanged, GateRefused
from training.models import ModelVersion
from training.registry.activation import model_activate, scope_label
from training.registry.gate import check_label


class Command(commands.JsonCommand):
    help = "Makes a model the active one of its scope (universe and horizon; or instrument) if its checks pass."

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", metavar="VERSION", help="as train and GET /api/models name it")
        parser.add_argument("--reason", required=True, help="why; it stays in the history")
        about_override = "activate it despite failed checks, but never with files missing or changed"
        parser.add_argument("--override", action="store_true", help=about_override)

    def work(self, **options: Any) -> commands.CommandResult:
        reason = options["reason"].strip()
        if not 0 < len(reason) <= 500:
            raise CommandError("--reason: say why, in up to 500 characters.")
        models = ModelVersion.objects.filter(run__deleted_at=None).select_related("run", "series__instrument")
        model = models.filter(version=options["version"]).first()
        if model is None:
            raise CommandError(f"There is no model {options['version']}. `train` and `train_poc` make some.")
        answer: dict[str, Any] = {"version": model.version, "scope": model.scope, "previous": None}
        try:
            activation = model_activate(model=model, user=None, reason=reason, override=options["override"])
        except GateRefused as error:
            answer["gate"] = error.gate
            how = " Activate it despite that with --override and a reason." if error.overridable else ""
            refused = f"{error}{how}"
            return commands.CommandResult(answer, _lines(error.gate), refused)
        except ActiveChanged as error:
            raise CommandError(str(error)) from None
        answer |= {"previous": activation.previous or None, "gate": activation.gate}
        despite = ", despite failed checks" if activation.overridden else ""
        replaced = f"replaced: {activation.previous or 'none'}"
        done = f"{model.version} is active for {scope_label(activation.scope)}{despite}; {replaced}."
        return commands.CommandResult(answer, [*_lines(activation.gate), done])


def _lines(gate: list[dict[str, Any]]) -> list[str]:
    return [
        f"{'passed' if check['passed'] else 'FAILED':<7} {check_label(check['check']):<42} "
        f"{_shown(check['value']):<14} required: {check['needed']}"
        for check in gate
    ]


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "–" if value is None else str(value)

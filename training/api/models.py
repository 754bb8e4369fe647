"""Models over REST: what there is, which is active, and since when."""

from datetime import UTC, datetime, time
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.records import to_json
from boursomatic.shared.rest import Conflict, invalid, json_body, known_only, list_answer, page_asked
from training.api import schema
from training.api.filter_parameters import MODEL_FILTERS
from training.errors import ActiveChanged, GateRefused, TooLate
from training.evidence.candle import candle_verdicts
from training.evidence.universe import universe_verdicts
from training.filters.models import RECORDS, ModelFilter
from training.models import Activation, ModelVersion, ModelVersionQuerySet
from training.quant.candle.spec import format_time, parse_time
from training.quant.candle.verdict import Verdict
from training.quant.universe.verdict import UniverseVerdict
from training.registry.activation import (
    ANY_ACTIVE,
    activation_json,
    activations_of,
    active_on,
    model_activate,
    model_deactivate,
    model_roll_back,
)
from training.registry.gate import survivors_only


@extend_schema(
    operation_id="models",
    summary="Trained models, newest first",
    tags=["runs and models"],
    parameters=[*MODEL_FILTERS, *PAGE],
    responses=answers(200, schema.Models),
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def models(request: Request) -> Response:
    known_only(request, *ModelFilter.base_filters, "limit", "before")
    chosen = ModelFilter(request.query_params, queryset=_models(), request=request)
    if not chosen.is_valid():
        raise invalid({name: [str(message) for message in errors] for name, errors in chosen.errors.items()})
    return list_answer(request, chosen.qs, _models_json)


@extend_schema(
    operation_id="model",
    summary="One trained model",
    tags=["runs and models"],
    responses=answers(200, schema.AnyModel, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def model(request: Request, version: str) -> Response:
    known_only(request)
    return Response(_models_json([_model(version)])[0])


@extend_schema(
    operation_id="model_activate",
    summary="Activate a model",
    description="Its activation checks must pass: else 422 with every check; `override` activates it despite failed "
    "checks, but never with files that are missing or changed. 409 where another model than `expected_active` is "
    "active.",
    tags=["runs and models"],
    request=schema.ActivateRequest,
    responses=answers(200, schema.Activated, 404, 409, 413, 415) | {422: schema.GateRefusal},
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.ACTIVATE)])
def activate(request: Request, version: str) -> Response:
    known_only(request)
    body = _body(request, {"reason", "expected_active", "override"})
    expected = body.get("expected_active", ANY_ACTIVE)
    if expected is not ANY_ACTIVE and expected is not None and not isinstance(expected, str):
        raise invalid({"expected_active": ["Must be the version that is active now, or null for none."]})
    if not isinstance(body.get("override", False), bool):
        raise invalid({"override": ["Must be true or false."]})
    model = _model(version)
    try:
        activation = model_activate(
            model=model,
            user=person_of(request),
            reason=body["reason"],
            expected=expected,
            override=body.get("override", False),
        )
    except ActiveChanged as error:
        raise Conflict(str(error)) from error
    except GateRefused as error:
        return Response({"detail": str(error), "gate": error.gate}, status=422)
    return Response({**_models_json([model])[0], "previous": activation.previous or None, "gate": activation.gate})


@extend_schema(
    operation_id="model_deactivate",
    summary="Deactivate a model",
    tags=["runs and models"],
    request=schema.DeactivateRequest,
    responses=answers(200, schema.AnyModel, 404, 409, 413, 415),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.ACTIVATE)])
def deactivate(request: Request, version: str) -> Response:
    known_only(request)
    body, model = _body(request, {"reason"}), _model(version)
    try:
        model_deactivate(model=model, user=person_of(request), reason=body["reason"])
    except ActiveChanged as error:
        raise Conflict(str(error)) from error
    return Response(_models_json([model])[0])


@extend_schema(
    operation_id="model_roll_back",
    summary="Roll back from an active model",
    description="What was active before it is active again. Today's activation checks are recorded and don't stop it; "
    "changed files do. 409 where this model isn't the active one any more, or nothing was active before it.",
    tags=["runs and models"],
    request=schema.RollBackRequest,
    responses=answers(200, schema.Activated, 404, 409, 413, 415),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.ACTIVATE)])
def roll_back(request: Request, version: str) -> Response:
    known_only(request)
    body = _body(request, {"reason"}, default_reason="")
    try:
        made = model_roll_back(model=_model(version), user=person_of(request), reason=body["reason"])
    except (ActiveChanged, TooLate) as error:
        raise Conflict(str(error)) from error
    return Response({**_models_json([_model(made.version)])[0], "previous": made.previous or None, "gate": made.gate})


@extend_schema(
    operation_id="model_history",
    summary="Activations, newest first; or which model was active on a day",
    tags=["runs and models"],
    parameters=[
        OpenApiParameter("on", OpenApiTypes.DATE, description="Only what was active at the end of this day, UTC"),
        *PAGE,
    ],
    responses=answers(200, schema.Activations),
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def history(request: Request) -> Response:
    known_only(request, "on", "limit", "before")
    page_asked(request)  # refused where it can't be read, although a day's answer is always whole
    if (day := request.query_params.get("on")) is None:
        rows = Activation.objects.select_related("by")
        return list_answer(request, rows, lambda page: [activation_json(one) for one in page])
    try:
        moment = datetime.combine(parse_time(day).date(), time.max, tzinfo=UTC)
    except ValueError as error:
        raise invalid({"on": [str(error)]}) from error
    return Response([activation_json(one) for one in active_on(moment)])


def _body(request: Request, fields: set[str], *, default_reason: str | None = None) -> dict[str, Any]:
    """The JSON object that was sent, with a reason in it (unless there is a default) and nothing unknown."""
    body = json_body(request, fields)
    reason = body.get("reason", default_reason)
    if not isinstance(reason, str) or len(reason) > 500 or not (reason.strip() or reason == default_reason):
        raise invalid({"reason": ["Say why, in up to 500 characters; it stays in the history."]})
    return {**body, "reason": reason.strip()}


def _model(version: str) -> ModelVersion:
    found = _models().filter(version=version).first()
    if found is None:
        raise NotFound(f"There is no model {version}. GET /api/models lists what there is.")
    return found


def _models() -> ModelVersionQuerySet:
    return ModelVersion.objects.existing().light()


def _models_json(page: list[ModelVersion]) -> list[dict[str, Any]]:
    runs = [one.run for one in page]
    found, of_universes = candle_verdicts(runs), universe_verdicts(runs)
    made = activations_of(page)
    return [
        _model_json(one, found[one.run_id].verdict or of_universes.get(one.run_id), made.get(one.version))
        for one in page
    ]


def _model_json(
    model: ModelVersion, verdict: Verdict | UniverseVerdict | None, activation: Activation | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "version": model.version,
        "scope": model.scope,
        "run_id": model.run.run_id,
        "trained_at": format_time(model.trained_at),
        "metrics": model.metrics,
        "verdict": verdict,
        "params_hash": model.params_hash,
        "data_hash": model.data_hash,
        "model_hash": model.model_hash,
        "is_active": model.is_active,
        "activated_at": format_time(activation.at) if activation else None,
        "activated_by": activation.by.get_username() if activation and activation.by else None,
        "artifact_paths": model.run.result.get("artifact_paths", {}),
    }
    if model.universe:
        fields["survivors_only"] = survivors_only(model)
    answer: dict[str, Any] = to_json(RECORDS[model.kind](**fields))
    return answer

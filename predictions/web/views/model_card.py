"""Pages of a single model: its card, and what can be taken away."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from predictions.candle.ask import ask
from predictions.candle.ensemble_card import ensemble_card_context, ensemble_program_files, is_ensemble
from predictions.candle.export import folder_zip, predictions_csv, predictions_parquet
from predictions.candle.model_card import card_context
from predictions.universe.export import program_files
from predictions.universe.model_card import universe_card_context
from training.errors import RunRefused
from training.evidence.candle import candle_verdicts
from training.evidence.universe import universe_verdicts
from training.models import ModelVersion

UNJUDGED = "Nothing yet: it was not judged."
WRITERS = {
    "csv": (predictions_csv, "text/csv; charset=utf-8"),
    "parquet": (predictions_parquet, "application/vnd.apache.parquet"),
}


@require_GET
@page_permission(Scope.READ)
def card(request: HttpRequest, version: str) -> HttpResponse:
    model_version = _version(version)
    may_train = {"may_train": may(request.user, Scope.TRAIN)}
    if model_version.universe:
        context = universe_card_context(model_version) | may_train
        return render(request, "predictions/universe/model_card.html", context)
    draw = ensemble_card_context if is_ensemble(model_version) else card_context
    return render(request, "predictions/candle/model_card.html", draw(model_version) | may_train)


@require_GET
@page_permission(Scope.READ)
def folder(request: HttpRequest, version: str) -> HttpResponse:
    """The run folder as a zip; a universe's model, and an ensemble, with what runs it outside the project."""
    model_version = _version(version)
    try:
        content = folder_zip(model_version, _program_files(model_version))
    except RunRefused as error:
        raise Http404(str(error)) from error
    except FileNotFoundError as error:
        raise Http404("A file of this run is missing. An administrator can find out which.") from error
    return _download(content, f"{model_version.run.run_id}.zip", "application/zip")


@require_GET
@page_permission(Scope.PREDICT)
def predictions(request: HttpRequest, version: str, form: str) -> HttpResponse:
    """What the model says of every candle of its series, as `csv` or `parquet`, at its own threshold."""
    model_version = _version(version, series__isnull=False)
    if form not in WRITERS:
        raise Http404(f"Predictions are written as {' or '.join(WRITERS)}.")
    write, content_type = WRITERS[form]
    try:
        predicted = ask(run=model_version.run, series=None, start=None, end=None)
    except RunRefused as error:
        raise Http404(str(error)) from error
    return _download(
        write(predicted, predicted.model.threshold), f"predictions_{model_version.run.run_id}.{form}", content_type
    )


def _program_files(version: ModelVersion) -> dict[str, bytes]:
    if is_ensemble(version):
        of_series = candle_verdicts([version.run])[version.run_id].verdict
        return ensemble_program_files(version, of_series.sentence if of_series else UNJUDGED)
    if not version.universe:
        return {}
    verdict = universe_verdicts([version.run]).get(version.run_id)
    return program_files(version, verdict.sentence if verdict else UNJUDGED)


def _download(content: bytes, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)


def _version(version: str, **more: object) -> ModelVersion:
    rows = ModelVersion.objects.existing().filter(**more)
    return get_object_or_404(rows.select_related("run__created_by", "series__instrument"), version=version)

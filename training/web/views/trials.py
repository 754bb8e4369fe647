"""The Trials page: the multiple-testing log of one series or universe."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from training.quant.candle.spec import TIMEFRAMES
from training.quant.candle.verdict import LEVEL
from training.web.presenters.glossary import GLOSSARY
from training.web.presenters.trials import DRAWN, VERDICTS, ledger_choice, trial_log, trial_rows
from training.web.tables import TRIALS


@require_GET
@page_permission(Scope.READ)
def trials(request: HttpRequest) -> HttpResponseBase:
    """What each trial needed, and Holm over all of them for information; by p where no order is asked for."""
    choice = ledger_choice(request.GET)
    verdict = request.GET.get("verdict", "")
    shown = choice.trials.filter(label=verdict) if verdict in VERDICTS else choice.trials
    if wants_csv(request):
        total = choice.trials.count()
        chunks = (trial_rows(choice.trials, rows, total) for rows in row_chunks(request, TRIALS, shown))
        return csv_response(TRIALS, chunks)
    log = trial_log(choice.trials, on=choice.on)
    page = table_page(request, TRIALS, shown, implied=choice.address)
    context = {
        "choice": choice,
        "log": log,
        "page": page,
        "rows": trial_rows(choice.trials, page.rows, log.total) if log else [],
        "verdict": verdict,
        "verdicts": VERDICTS.items(),
        "timeframes": TIMEFRAMES,
        "level": LEVEL,
        "drawn": DRAWN,
        "glossary": GLOSSARY,
    }
    return render(request, "training/trials/list.html", context)


@require_GET
@page_permission(Scope.READ)
def trials_moved(request: HttpRequest) -> HttpResponse:
    """Redirects the log's address of before, with its query."""
    query = request.GET.urlencode()
    return redirect(reverse("trials") + (f"?{query}" if query else ""), permanent=True)

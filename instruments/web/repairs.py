"""The page of a repair: what it would make of the bars of a finding, or has made of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from instruments.health.repairs import (
    RepairRefused,
    repair_apply,
    repair_propose,
    repair_revisions,
    repair_split,
    repair_undo,
    undone_bars,
)
from instruments.health.split_actions import without_split
from instruments.imports.served import serving_sources
from instruments.models import PRESENT, CorporateAction, Finding, FindingState, Series
from instruments.quant.bars import Bars
from instruments.quant.health.checks import LABELS
from instruments.quant.health.repairs import ASKED_AGAIN, ASKED_WHOLE
from instruments.quant.revisions import bars_that_differ
from instruments.store.read_bars import load_bars
from instruments.web.repair_chart import changed_bars, repair_chart


@dataclass(frozen=True)
class Look:
    """What is shown of a repair, proposed or done: `changed` and `removed` count bars, from `first` to `last`;
    `is_split`: it puts a split on record. `made_at`, `by`, `source`: of one that was done."""

    before: Bars
    after: Bars
    changed: int
    removed: int
    first: datetime
    last: datetime
    text: str = ""
    mark: str = ""
    is_split: bool = False
    made_at: datetime | None = None
    by: str = ""
    source: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.DATA)
def repair(request: HttpRequest, finding_id: int) -> HttpResponse:
    finding = _finding(finding_id)
    if request.method == "POST":
        try:
            repair_apply(finding=finding, user=person_of(request), mark=request.POST.get("mark", ""))
        except RepairRefused as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, f"Repaired: {finding}. It can be undone.")
        return redirect("finding-repair", finding_id)
    return render(request, "instruments/repair.html", _context(request, finding))


@require_POST
@page_permission(Scope.DATA)
def undo(request: HttpRequest, finding_id: int) -> HttpResponse:
    finding = _finding(finding_id)
    try:
        repair_undo(finding=finding, user=person_of(request))
    except RepairRefused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"Undone: {finding}. Its bars are as they were.")
    return redirect("finding-repair", finding_id)


def _context(request: HttpRequest, finding: Finding) -> dict[str, Any]:
    is_repaired = finding.state == FindingState.REPAIRED
    context: dict[str, Any] = {
        "finding": finding,
        "label": LABELS.get(finding.check_name, finding.check_name),
        "may_change": may(request.user, Scope.DATA),
        "is_repaired": is_repaired,
        "question": _question(finding),
    }
    try:
        look = _repaired(finding) if is_repaired else _proposed(finding)
    except RepairRefused as refusal:
        return {**context, "refusal": str(refusal)}
    assert finding.series is not None
    columns, rows = changed_bars(look.before, look.after)
    symbol = finding.series.instrument.symbol
    return {
        **context,
        "look": look,
        "chart": repair_chart(look.before, look.after, first=finding.first, last=finding.last),
        "columns": columns,
        "rows": rows,
        "runs": finding.series.runs.filter(deleted_at=None, subject=None).count(),
        "runs_address": f"{reverse('runs')}?{urlencode({'symbol': symbol})}",
    }


@dataclass(frozen=True)
class AskAgain:
    """What sources can be asked about a finding: bars of the days from `first` to `last`, which may be all."""

    sources: list[str]
    first: date
    last: date
    is_whole: bool


def _question(finding: Finding) -> AskAgain | None:
    """None where nothing a source says would help, or none serves the series."""
    series, is_whole = finding.series, finding.check_name in ASKED_WHOLE
    if series is None or finding.state not in PRESENT or not (is_whole or finding.check_name in ASKED_AGAIN):
        return None
    sources = serving_sources(series)
    first = series.first if is_whole and series.first else finding.first
    last = timezone.now() if is_whole else finding.last
    return AskAgain(sources, first.date(), last.date(), is_whole) if sources else None


def _proposed(finding: Finding) -> Look:
    """Raises RepairRefused."""
    proposal = repair_propose(finding)
    counts = (len(proposal.changed), len(proposal.removed), proposal.first, proposal.last)
    is_split = proposal.split is not None
    return Look(proposal.before, proposal.after, *counts, proposal.text, proposal.mark, is_split)


def _repaired(finding: Finding) -> Look:
    """Raises RepairRefused where the bars were changed since."""
    assert finding.series is not None
    if split := repair_split(finding):
        return _on_record(finding.series, split)
    before, _ = undone_bars(finding)
    after, rows = load_bars(finding.series), repair_revisions(finding)
    removed = len(before) - len(after)
    changed = sum(row.changed for row in rows) - removed
    return Look(
        *(before, after, changed, removed, min(row.first for row in rows), max(row.last for row in rows)),
        made_at=rows[0].made_at,
        by=rows[0].user.get_username() if rows[0].user else "",
        source=rows[0].source,
    )


def _on_record(series: Series, split: CorporateAction) -> Look:
    before, after = without_split(series, split, load_bars(series))
    times = [datetime.fromtimestamp(int(second), UTC) for second in bars_that_differ(before, after)]
    text = f"A split {split.ratio:g}:1 of {split.ex_day} is on record."
    return Look(
        *(before, after, len(times), 0, times[0], times[-1], text),
        is_split=True,
        made_at=split.known_at,
        source=split.source,
    )


def _finding(finding_id: int) -> Finding:
    return get_object_or_404(Finding.objects.select_related("series__instrument", "user"), pk=finding_id)

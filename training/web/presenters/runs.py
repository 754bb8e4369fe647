"""What the page of a run is drawn from where its kind draws none of its own."""

from collections.abc import Mapping
from typing import Any

from boursomatic.shared.ages import seconds_since
from training.models import Status, TrainingRun
from training.queue import hosts
from training.recipes.kinds import label_of
from training.runs.as_json import run_detail
from training.web.presenters.progress import time_left, under_way
from training.web.presenters.verdict import poll_ms


def run_page_context(run: TrainingRun) -> dict[str, Any]:
    """For `training/runs/_run.html`. Queries: its parts, its log, and for a waiting run whether a worker is there."""
    parts = list(run.parts.order_by("pk"))
    done = sum(part.is_terminal for part in parts)
    return {
        "run": run,
        "label": label_of(run.kind),
        "parts": parts,
        "done": done,
        "percent": round(100 * (done / len(parts) if parts and run.status == Status.QUEUED else run.progress)),
        "poll_ms": None if run.is_terminal else poll_ms(run),
        "elapsed": seconds_since(run.started_at or run.created_at),
        "left": time_left(run, parts),
        "under_way": under_way([run]),
        "no_worker": hosts.missing(run) if run.status == Status.QUEUED else None,
        "is_cancelling": not run.is_terminal and run.cancel_requested_at is not None,
        "sentence": run.result.get("sentence", ""),
        "settings": _lines(run.config, without=("kind", "upload_id", "schedule")),
        "findings": _lines(run.result, without=("sentence", "format")),
        "detail": run_detail(run),
    }


def _lines(values: Mapping[str, Any], *, without: tuple[str, ...]) -> list[tuple[str, str]]:
    """What can be written in a line, in words."""
    lines = []
    for name, value in values.items():
        if name in without or not isinstance(value, str | int | float):
            continue
        text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        lines.append((name.removeprefix("is_").replace("_", " ").capitalize(), text))
    return lines

"""Asks the code that is there about the database and artifacts of release 0.1.0, and prints what it says as JSON.

    python -m tests.legacy.ask answers FILE    # FILE: {"token", "password", "asks"}; the answers in the same order
    python -m tests.legacy.ask wait RUN_ID…    # until these runs and all schedules have ended, and the status of each

DATABASE_URL and BOURSOMATIC_TEST_HOME say where database and artifacts are. What needs to change when modules or tables
move is in ROWS and MERGED alone: everything else goes through HTTP and commands.
"""

import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.apps import apps  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db.models.functions import Coalesce  # noqa: E402
from django.test import Client  # noqa: E402

WAIT_S = 300.0

# Model (by its class, whatever app it is in) -> what is held against what was recorded, as plain values.
ROWS: dict[str, tuple[Any, ...]] = {
    "TrainingRun": ("run_id", "kind", "status", "retry_of__run_id", Coalesce("subject__run_id", "parent__run_id"),
                    "created_by__username", "attempt", "error_reason", "deleted_at", "auc", "p_value", "params_hash"),
    "RunEvent": ("run__run_id", "stage", "text"),
    "Description": ("run__run_id", "name", "notes", "pinned"),
    "RunTag": ("run__run_id", "text"),
    "Try": ("series__instrument__symbol", "params_hash", "as_of", "run_id", "p_value", "made_at"),
    "UniverseTry": ("scope", "params_hash", "as_of__date", "run_id", "p_value", "made_at"),
    "ModelVersion": ("version", "run__run_id", "kind", "is_active", "folder", "files"),
    "Activation": ("scope", "version", "previous", "at", "by__username", "reason", "overridden", "gate"),
    "IdempotencyKey": ("user__username", "key", "body_hash", "run__run_id"),
    "Prediction": ("run_id", "series__instrument__symbol", "candle_at", "probability", "outcome", "target_at"),
    "RecommendationSet": ("version", "as_of", "in_sample", "is_open", "score", "promise", "lost"),
    "Notice": ("subject", "kind", "day", "text", "figures"),
    "Schedule": ("job", "universe", "time_of_day", "every_days", "enabled", "activates_by__username", "next_run_at"),
    "AuditEntry": ("at", "user__username", "action", "subject", "details"),
    "ApiToken": ("user__username", "name", "scopes", "digest"),
    "Series": ("instrument__symbol", "timeframe", "rows", "first", "last", "revision", "rewritten"),
    "Universe": ("name", "instruments__symbol"),
    "FeatureState": ("series__instrument__symbol", "feature_set", "version", "fingerprint", "rows"),
}  # fmt: skip


# What was a table of its own -> the model whose rows it is now, and which of them.
MERGED: dict[str, tuple[str, dict[str, Any]]] = {
    "Try": ("Trial", {"series__isnull": False}),
    "UniverseTry": ("Trial", {"series__isnull": True}),
}


def models_by_name() -> dict[str, Any]:
    """Ours: django-q2 has a Schedule too."""
    return {model.__name__: model for model in apps.get_models() if model._meta.app_label != "django_q"}


def rows() -> dict[str, list[list[Any]]]:
    """Of each model in ROWS all rows, oldest first; times as text."""
    kept = {name: _rows(*MERGED.get(name, (name, {})), columns) for name, columns in ROWS.items()}
    return kept | {"last runs": last_runs()}


def _rows(name: str, which: dict[str, Any], columns: tuple[str, ...]) -> list[list[Any]]:
    lines = models_by_name()[name]._base_manager.filter(**which).order_by("pk", columns[1]).values_list(*columns)
    return [
        [one if isinstance(one, str | int | float | bool | list | dict | None) else str(one) for one in line]
        for line in lines
    ]


def last_runs() -> list[Any]:
    """Of each schedule: what its last run came to."""
    runs = models_by_name()["TrainingRun"].objects
    ended = [runs.get(run_id=schedule.run_id) for schedule in models_by_name()["Schedule"].objects.order_by("pk")]
    return [[run.status == "completed", run.error or run.result["sentence"]] for run in ended]


def people(password: str) -> list[dict[str, Any]]:
    return [
        {
            "name": user.username,
            "groups": sorted(user.groups.values_list("name", flat=True)),
            "password_fits": user.check_password(password),
        }
        for user in User.objects.order_by("username")
    ]


def verify_artifacts() -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.suppress(Exception):  # it refuses where files are broken, after it has said which
        call_command("verify_artifacts", "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def answer(ask: dict[str, Any], token: str) -> dict[str, Any]:
    """`ask`: method, path, and what of each row of a list is kept (`only`); `as`: whose page, else the API by token."""
    client = Client(raise_request_exception=False)
    if name := ask.get("as"):
        client.force_login(User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
        return {"status": client.get(ask["path"], follow=True).status_code}
    said = client.generic(ask["method"], ask["path"], headers={"Authorization": f"Token {token}"})
    if said.status_code != 200:
        return {"status": said.status_code}
    body = json.loads(said.content)
    if only := ask.get("only"):
        body = [row[only] for row in body]
    return {"status": 200, "body": body}


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    """Rows first: asking a model keeps what it says."""
    return {
        "rows": rows(),
        "people": people(asked["password"]),
        "verify_artifacts": verify_artifacts(),
        "answers": [answer(ask, asked["token"]) for ask in asked["asks"]],
    }


def wait(run_ids: list[str]) -> dict[str, Any]:
    """Runs by status, and whether each job of the schedules ended well."""
    models, until = models_by_name(), time.monotonic() + WAIT_S
    while True:
        runs = dict(models["TrainingRun"]._base_manager.filter(run_id__in=run_ids).values_list("run_id", "status"))
        last = dict(models["Schedule"].objects.values_list("job", "run_id"))
        ended = dict(models["TrainingRun"].objects.filter(run_id__in=last.values()).values_list("run_id", "status"))
        if not {"queued", "running"} & {*runs.values(), *ended.values()} or time.monotonic() > until:
            return {"runs": runs, "schedules": {job: ended[run_id] == "completed" for job, run_id in last.items()}}
        time.sleep(0.2)


if __name__ == "__main__":
    what, *more = sys.argv[1:]
    said = answers(json.loads(Path(more[0]).read_text())) if what == "answers" else wait(more)
    sys.stdout.write(json.dumps(said))

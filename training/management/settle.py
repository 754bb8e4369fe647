"""`python -m training.management.settle`: what a restored database still needs, done by the code of today. A process of
its own, since its settings name another database than those of the command that restores."""

import json
import os
import sys
from contextlib import suppress
from typing import Any

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def main(backup: str, manifest: dict[str, Any]) -> dict[str, int]:
    """Migrates; runs that were under way wait again, those deleted while the backup was made are deleted, database and
    artifact store get a marker of their own, and the audit says what was restored."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    call_command("migrate", verbosity=0, interactive=False)

    from boursomatic.accounts.audit import audit  # noqa: PLC0415  (models can be imported from here on)
    from training.artifacts import marker  # noqa: PLC0415
    from training.errors import TooLate  # noqa: PLC0415
    from training.models import Status, TrainingRun  # noqa: PLC0415
    from training.queue import leases  # noqa: PLC0415
    from training.runs.services import run_delete  # noqa: PLC0415

    requeued = 0
    for run_pk, token in TrainingRun.objects.filter(status=Status.RUNNING).values_list("pk", "lease_token"):
        assert token is not None  # a constraint of the table
        requeued += leases.requeue(run_pk, token, "The site was restored from a backup", counts=False)
    for run in TrainingRun.objects.existing().filter(model_version__folder__in=manifest["deleted_meanwhile"]):
        with suppress(TooLate):
            run_delete(run=run, user=None)
    marker.renew()
    audit(None, "backup.restore", backup, made_at=manifest["made_at"], code_version=manifest["code_version"])
    return {"migrations": len(plan), "requeued": requeued}


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "boursomatic.settings"
    django.setup()
    json.dump(main(sys.argv[1], json.loads(sys.argv[2])), sys.stdout)

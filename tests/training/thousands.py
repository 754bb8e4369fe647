"""As many runs as a team makes in years, copied within the database in a second or two."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from instruments.models import Series
from tests.training.results import candle_result, confirmation_result
from tests.training.run_builders import enter_trial, make_run
from training.evidence.trials import Claim, trial_settle
from training.models import Status, TrainingRun, Trial

COUNT = 100_000
EVIDENCE = {"auc": 0.55, "auc_interval": [0.4, 0.7], "p_value": 0.4, "rows": 35, "windows": 1, "positives": 17}


def completed(by: User | None, *, series: Series, p_value: float = 0.4, auc: float = 0.55, **more: Any) -> TrainingRun:
    """A completed run as it is judged by its own window alone, and a trial of its own."""
    evidence = {**EVIDENCE, "auc": auc, "p_value": p_value}
    result = candle_result(evidence=evidence, test={"auc": auc, "auc_interval": (0.4, 0.7)})
    run = make_run(by, series=series, status=Status.COMPLETED, result=result, **more)
    return enter_trial(run, as_of=run.candle_at, data_hash=run.run_id, p_value=p_value, is_settled=False)


def confirmed(run: TrainingRun, *, p_value: float, auc: float = 0.52) -> None:
    """Confirmed with this p-value, which settles its trial."""
    evidence = {**EVIDENCE, "auc": auc, "p_value": p_value, "rows": 385, "windows": 11}
    result = confirmation_result(evidence=evidence)
    make_run(
        run.created_by, kind="confirmation", subject=run, series=run.series, status=Status.COMPLETED, result=result
    )
    assert run.trial_id is not None
    trial_settle(run.trial_id, Claim(p_value))


def multiply(run: TrainingRun, count: int = COUNT, *, prefix: str = "") -> None:
    """`count` copies of this run, each with a trial of its own, every fifth confirmed with a p-value between 0.2 and 1,
    as permutations give them."""
    job = run.jobs.get(kind="confirmation")
    assert run.trial is not None
    first, first_trial = max(run.pk, job.pk) + 1, run.trial.pk + 1
    names = {"params_hash": "'hash' || n", "run_id": f"'{prefix}run' || n", "k": f"{run.trial.k} + n"}
    settled = {"p_value": "CASE WHEN n % 5 = 0 THEN (200 + n % 800) / 1001.0 END"}
    with connection.cursor() as cursor:
        cursor.execute(*_copies(run.trial, count, {"id": f"{first_trial} + n", **names, **settled}))
        places = {"id": f"{first} + n", "run_id": f"'{prefix}run' || n", "trial_id": f"{first_trial} + n"}
        cursor.execute(*_copies(run, count, places))
        places = {"id": f"{first + count} + n", "run_id": f"'{prefix}job' || n", "subject_id": f"{first} + 5 * n"}
        cursor.execute(*_copies(job, count // 5, places))
        if connection.vendor == "postgresql":  # as autovacuum would
            cursor.execute("SELECT setval('training_trainingrun_id_seq', %s)", [first + 2 * count])
            cursor.execute("SELECT setval('training_trial_id_seq', %s)", [first_trial + count])
        cursor.execute("ANALYZE")


def _copies(row: TrainingRun | Trial, count: int, changed: dict[str, str]) -> tuple[str, list[Any]]:
    table, columns = row._meta.db_table, [field.column for field in row._meta.concrete_fields]
    values = ", ".join(changed.get(column, column) for column in columns).replace("%", "%%")
    into = _numbers(f"INSERT INTO {table} ({', '.join(columns)}) ")
    return f"{into} SELECT {values} FROM {table}, numbers WHERE id = %s", [count - 1, row.pk]


def _numbers(into: str) -> str:
    """`numbers.n` from 0 to the first parameter. SQLite takes WITH after INSERT INTO, as PostgreSQL does."""
    return f"{into} WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"

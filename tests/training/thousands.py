"""As many runs as a team makes in years, copied within the database in a second or two."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from instruments.models import Series
from tests.training.results import candle_result, confirmation_result
from tests.training.run_builders import make_run
from training.models import Status, TrainingRun, Try

COUNT = 100_000
EVIDENCE = {"auc": 0.55, "auc_interval": [0.4, 0.7], "p_value": 0.4, "rows": 35, "windows": 1, "positives": 17}


def completed(by: User | None, *, series: Series, p_value: float = 0.4, auc: float = 0.55, **more: Any) -> TrainingRun:
    """A completed run as it is judged by its own window alone."""
    evidence = {**EVIDENCE, "auc": auc, "p_value": p_value}
    result = candle_result(evidence=evidence, test={"auc": auc, "auc_interval": (0.4, 0.7)})
    return make_run(by, series=series, status=Status.COMPLETED, result=result, **more)


def confirmed(run: TrainingRun, *, p_value: float, auc: float = 0.52) -> None:
    """Confirmed, and entered into the ledger, both with this p-value."""
    evidence = {**EVIDENCE, "auc": auc, "p_value": p_value, "rows": 385, "windows": 11}
    result = confirmation_result(evidence=evidence)
    make_run(
        run.created_by, kind="confirmation", subject=run, series=run.series, status=Status.COMPLETED, result=result
    )
    values = {"run_id": run.run_id, "p_value": p_value, "made_at": run.created_at}
    Try.objects.create(series=run.series, params_hash=run.run_id, candle_at=run.candle_at, **values)


def multiply(run: TrainingRun, count: int = COUNT) -> None:
    """`count` copies of this run, every fifth with a confirmation and a try of its own; p-values between 0.2 and 1, as
    permutations give them."""
    job = run.jobs.get(kind="confirmation")
    first = max(run.pk, job.pk) + 1
    with connection.cursor() as cursor:
        cursor.execute(*_copies(run, count, {"id": f"{first} + n", "run_id": "'run' || n"}))
        places = {"id": f"{first + count} + n", "run_id": "'job' || n", "subject_id": f"{first} + n"}
        cursor.execute(*_copies(job, count // 5, places))
        cursor.execute(
            _numbers("INSERT INTO training_try (series_id, params_hash, candle_at, run_id, p_value, made_at) ")
            + "SELECT %s, 'hash' || n, %s, 'run' || n, (200 + n %% 800) / 1001.0, %s FROM numbers",
            [count // 5 - 1, run.series_id, run.candle_at, run.created_at],
        )
        if connection.vendor == "postgresql":  # as autovacuum would
            cursor.execute("SELECT setval('training_trainingrun_id_seq', %s)", [first + 2 * count])
        cursor.execute("ANALYZE")


def _copies(run: TrainingRun, count: int, changed: dict[str, str]) -> tuple[str, list[Any]]:
    columns = [field.column for field in TrainingRun._meta.concrete_fields]
    values = ", ".join(changed.get(column, column) for column in columns)
    into = _numbers(f"INSERT INTO training_trainingrun ({', '.join(columns)}) ")
    return f"{into} SELECT {values} FROM training_trainingrun, numbers WHERE id = %s", [count - 1, run.pk]


def _numbers(into: str) -> str:
    """`numbers.n` from 0 to the first parameter. SQLite takes WITH after INSERT INTO, as PostgreSQL does."""
    return f"{into} WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"

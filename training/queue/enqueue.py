"""The wake-up: tells the workers that there is a run to take. Light: web processes import this."""

from django_q.tasks import async_task


def enqueue() -> None:
    """Call inside the transaction that queues the run: row and wake-up appear together or not at all.

    Delivered twice, late or never it does no harm: workers claim runs from the table, and runs that lost their wake-up
    are told again.
    """
    async_task("training.worker.runner.execute_run", save=False)

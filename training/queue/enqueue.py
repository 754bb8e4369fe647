"""The kick: tells the workers that there is a run to take. Light: web processes import this."""

from django_q.tasks import async_task


def kick(run_pk: int) -> None:
    """Call inside the transaction that queues the run: row and kick appear together or not at all.

    Delivered twice, late or never it does no harm: workers claim runs from the table, and runs that lost their kick
    are kicked again.
    """
    async_task("training.worker.runner.run_carry", run_pk, save=False)

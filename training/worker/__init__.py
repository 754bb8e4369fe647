"""Carries runs out: claims, children, heartbeats, ends."""


def run_carry(run_pk: int) -> None:
    """The name by which rows that waited in the queue before 0.2.0 call `runner.execute_run`. Goes with 0.3.0."""
    from training.worker.runner import execute_run  # noqa: PLC0415 - web processes import this package

    execute_run(run_pk)

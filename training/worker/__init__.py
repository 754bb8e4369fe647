"""Carries runs out: claims, children, heartbeats, ends."""


def run_carry(run_pk: int) -> None:
    """The name by which rows that waited in the queue before 0.2.0 call `runner.run_carry`. Goes with 0.3.0."""
    from training.worker.runner import run_carry as execute  # noqa: PLC0415 - web processes import this package

    execute(run_pk)

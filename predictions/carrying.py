"""The name by which rows that waited in the queue before 0.2.0 call the task of a schedule. Goes with 0.3.0."""

from predictions.schedules.services import schedules_start


def schedule_carry(_schedule: int) -> None:
    schedules_start()

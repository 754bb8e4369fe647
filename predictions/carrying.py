"""The name by which rows that waited in the queue before 0.2.0 call the task of a schedule. Goes with 0.3.0."""

from predictions.schedules.jobs import schedule_carry

__all__ = ["schedule_carry"]

"""What an exception of a run means to who started it."""

import errno

import pytest
from django.db import InternalError, OperationalError

from training.models import Reason
from training.worker.outcome import OutcomeKind, RunOutcome


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EROFS, "Read-only file system"),
        OperationalError("database or disk is full"),
        OperationalError("attempt to write a readonly database"),
        OperationalError("disk I/O error"),
        InternalError("cannot execute UPDATE in a read-only transaction"),
    ],
)
def test_a_run_that_cannot_store_anything_says_so(problem: Exception) -> None:
    outcome = RunOutcome.of_exception(problem)
    assert (outcome.outcome, outcome.reason) == (OutcomeKind.FAILED, Reason.DISK_FULL)
    assert outcome.sentence.startswith("The disk is full or read-only")

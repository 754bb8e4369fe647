"""How the carrying of a run can end, and what each exception of a training means to its user."""

import json
import signal
import traceback
from dataclasses import asdict, dataclass
from enum import StrEnum

from django.db import DatabaseError, InterfaceError, OperationalError

from boursomatic.shared.disk import cannot_write
from boursomatic.shared.stores import StoreFailed
from training.errors import RunRefused, RunWaits
from training.models import Reason
from training.quant.candle.plan import NotTrainable
from training.quant.candle.spec import SpecError
from training.queue.leases import Cancelled, LeaseLost

TRACE_CHARS = 20_000  # the end of a trace says what happened
_BY_MEMORY = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)  # native code whose allocation failed dies of these
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class OutcomeKind(StrEnum):
    DONE = "done"  # the child has written the run's end
    FAILED = "failed"
    CANCELLED = "cancelled"
    REQUEUE = "requeue"  # not the run's fault: another attempt
    LOST = "lost"  # another worker may have it: write nothing


@dataclass(frozen=True)
class RunOutcome:
    outcome: OutcomeKind
    reason: Reason | None = None
    sentence: str = ""
    trace: str = ""
    counts: bool = True  # as an attempt

    @classmethod
    def failed(cls, reason: Reason, sentence: str, trace: str = "") -> "RunOutcome":
        return cls(OutcomeKind.FAILED, reason, sentence, trace)

    @classmethod
    def of_exception(cls, problem: BaseException) -> "RunOutcome":
        if isinstance(problem, Cancelled):
            return cls(OutcomeKind.CANCELLED)
        if isinstance(problem, LeaseLost):
            return cls(OutcomeKind.LOST)
        if isinstance(problem, RunWaits):
            return cls(OutcomeKind.REQUEUE, sentence=str(problem), counts=False)
        if isinstance(problem, RunRefused | SpecError | NotTrainable):
            return cls.failed(getattr(problem, "reason", Reason.BAD_DATA), str(problem))
        if _is_outage(problem):
            return cls(OutcomeKind.REQUEUE, sentence="The database went away")
        reason, sentence = _diagnosis(problem)
        return cls.failed(reason, sentence, "".join(traceback.format_exception(problem))[-TRACE_CHARS:])

    @classmethod
    def of_signal(cls, number: int, trace: str) -> "RunOutcome":
        """A child that did not end by itself."""
        if number in _BY_MEMORY:
            return cls.failed(Reason.OUT_OF_MEMORY, f"Probably {_OUT_OF_MEMORY[0].lower()}{_OUT_OF_MEMORY[1:]}", trace)
        if number in _FROM_OUTSIDE:
            return cls(OutcomeKind.REQUEUE, sentence="The run's process was killed")
        return cls.failed(
            Reason.CRASHED, f"The training crashed ({signal.Signals(number).name}). The log has details.", trace
        )

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "RunOutcome":
        values = json.loads(content)
        reason = Reason(values["reason"]) if values["reason"] else None
        return cls(**{**values, "outcome": OutcomeKind(values["outcome"]), "reason": reason})


_OUT_OF_MEMORY = (
    "Out of memory: the training needed more than a run may have. Choose a shorter period or fewer instruments."
)


def _is_outage(problem: BaseException) -> bool:
    """The database went away. A connection that breaks while a statement is on its way may be psycopg2's bare
    DatabaseError, without the code that every complaint of the server carries."""
    if cannot_write(problem):
        return False
    if isinstance(problem, OperationalError | InterfaceError):
        return True
    return isinstance(problem, DatabaseError) and getattr(problem.__cause__, "pgcode", "") is None


def _diagnosis(problem: BaseException) -> tuple[Reason, str]:
    if isinstance(problem, MemoryError) or "bad_alloc" in str(problem):
        return Reason.OUT_OF_MEMORY, _OUT_OF_MEMORY
    if isinstance(problem, StoreFailed):
        return Reason.STORE, str(problem)
    if cannot_write(problem):
        return (
            Reason.DISK_FULL,
            "The disk is full or read-only, so the result could not be stored. Free some space, then start it again.",
        )
    return Reason.BUG, f"Unexpected error ({type(problem).__name__}). The log has details."

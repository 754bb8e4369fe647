"""What a person may be told when something asked of training can't be done."""

from typing import Any

from training.models import Reason


class RunRefused(Exception):
    """A run that can't be carried out. `reason` is for statistics, the text a sentence for the user."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)


class StoreAway(RunRefused):
    """The artifact store is not this database's, or can't be read now: a command refuses, a worker's run waits."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Reason.STORE, sentence)


class RunWaits(Exception):
    """A run that is queued again and has lost no attempt, since something that will be mended was amiss."""


class TooManyRuns(Exception):
    """A limit on active or queued runs is reached; try again in `retry_after` seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(sentence)


class KeyReused(Exception):
    """An Idempotency-Key was sent again with another body."""


class GateRefused(Exception):
    """A model did not pass the gate; `gate` has every check. `overridable`: unless its files were changed."""

    def __init__(self, sentence: str, gate: list[dict[str, Any]], *, overridable: bool = True) -> None:
        self.gate, self.overridable = gate, overridable
        super().__init__(sentence)


class ActiveChanged(Exception):
    """Another model was activated meanwhile, or is active where another was expected."""


class TooLate(Exception):
    """The run has ended, or is not yet where this can be done to it."""

"""The body that asks for scoring."""

from boursomatic.shared.records import Record


class ScoreRequest(Record):
    """Empty: every universe's recommendations are scored."""

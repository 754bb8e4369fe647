"""The body that asks for scoring."""

from boursomatic.shared.records import Body


class ScoreRequest(Body):
    """Empty: every universe's recommendations are scored."""

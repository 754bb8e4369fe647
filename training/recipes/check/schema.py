"""What a check stores."""

from typing import Annotated

from boursomatic.shared.records import Stored, about


class CheckResult(Stored):
    """How much was looked at, and what was found."""

    sentence: str
    series: Annotated[int, about("Series looked at")]
    findings: Annotated[dict[str, int], about("That are there now, acknowledged ones included, by severity")]
    new: int
    gone: Annotated[int, about("Found before, and no longer")]

"""What an import of splits and dividends did, as the command, the page and the API tell it."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from instruments.quant.ingest.rows import LISTED


@dataclass(frozen=True)
class ActionChange:
    """An action that is new (`before` None) or has another value: a ratio or an amount."""

    symbol: str
    timeframe: str
    ex_day: date
    kind: str
    before: float | None
    after: float

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "ex_day": self.ex_day.isoformat()}

    def __str__(self) -> str:
        before = "" if self.before is None else f", was {self.before:g}"
        return f"{self.symbol} {self.timeframe} {self.ex_day} {self.kind} {self.after:g}{before}"


@dataclass
class ActionReport:
    """Counts of rows: read = inserted + updated + unchanged + rejected + duplicates, always. A row counts once, however
    many timeframes of its instrument there are."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    duplicates: int = 0
    changes: list[ActionChange] = field(default_factory=list)
    series: dict[str, str] = field(default_factory=dict)  # symbol and timeframe -> basis
    problems: list[dict[str, Any]] = field(default_factory=list)
    problems_omitted: int = 0
    warnings: list[str] = field(default_factory=list)
    refused: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The JSON of `import_actions`."""
        counts = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")
        return {
            **{name: getattr(self, name) for name in counts},
            "series": self.series,
            "changes": [change.as_dict() for change in self.changes[:LISTED]],
            "changes_omitted": len(self.changes[LISTED:]),
            "problems": self.problems,
            "problems_omitted": self.problems_omitted,
            "warnings": self.warnings,
        }


def nothing_stored(name: str, reason: str) -> ActionReport:
    """Of a file that is no table of actions."""
    problem = {"file": name, "row": None, "symbol": None, "ex_day": None, "reason": reason}
    return ActionReport(problems=[problem], refused=f"{name}: {reason}")

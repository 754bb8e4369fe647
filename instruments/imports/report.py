"""What an import did, as the command and the API tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from instruments.models import Series
from instruments.quant.ingest.checks import Problem
from instruments.quant.ingest.headers import NotBars
from instruments.quant.ingest.rows import LISTED

REJECT, SKIP = "reject", "skip"


@dataclass
class Report:
    """Counts of rows: read = inserted + updated + unchanged + rejected + duplicates, always.

    `refused` says for each file that stored nothing why it didn't; `asks` what would help if it were named.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    duplicates: int = 0
    overruled: int = 0
    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problems_omitted: int = 0
    warnings: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asks: set[str] = field(default_factory=set)

    def list_problems(self, name: str, problems: Sequence[Problem], bad: int) -> None:
        """Add problems of the file `name`, as far as a report lists them; `bad` rows there are in all."""
        self.problems_omitted += bad - len(problems)
        for problem in problems:
            self._list(
                {
                    "file": name,
                    "row": problem.row,
                    "symbol": problem.symbol,
                    "timestamp": problem.timestamp,
                    "reason": problem.reason,
                }
            )

    def refuse(self, name: str, reason: NotBars, *, rows: int = 0) -> None:
        """Nothing of the file `name` is stored, for a reason that isn't one of its rows."""
        self.asks |= {reason.asks} - {""}
        self.read += rows
        self.rejected += rows
        self.refused.append(f"{name}: {reason}")
        self._list({"file": name, "row": None, "symbol": None, "timestamp": None, "reason": str(reason)})

    def cover(self, series: Series) -> None:
        """Say what is stored of a series now."""
        self.instruments[series.instrument.symbol] = {
            "rows": series.rows,
            "first": _iso(series.first),
            "last": _iso(series.last),
            "timeframe": series.timeframe,
        }

    def add(self, other: "Report") -> None:
        """Take in the report of a further file."""
        for name in ("read", "inserted", "updated", "unchanged", "rejected", "duplicates", "overruled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.instruments.update(other.instruments)
        for problem in other.problems:
            self._list(problem)
        self.problems_omitted += other.problems_omitted
        self.warnings += other.warnings
        self.refused += other.refused
        self.asks |= other.asks

    def as_dict(self) -> dict[str, Any]:
        """The JSON of `import_bars`."""
        return {
            "read": self.read,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "overruled": self.overruled,
            "instruments": self.instruments,
            "problems": self.problems,
            "problems_omitted": self.problems_omitted,
            "warnings": self.warnings,
        }

    def _list(self, problem: dict[str, Any]) -> None:
        if len(self.problems) < LISTED:
            self.problems.append(problem)
        else:
            self.problems_omitted += 1


def _iso(moment: Any) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None

"""What an ensemble is: candle runs of one series, or a row of a sweep's map, whose models are asked together, and how
their answers become one.

No third-party import: web processes load this module.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from training.quant.candle.spec import SEED, CandleSpec, SpecError, parse_time

FEWEST, MOST = 2, 20  # members
HOW = {"mean": "mean of the probabilities", "rank": "mean of the percentile ranks"}
OF_ROW = ("train_years", "params", "feature_set", "test_window_size")  # which name a row, as promoting a cell does
FIELDS = ("run_ids", "sweep_id", *OF_ROW, "how")
SAME = {  # what all members must have in common, by the field of their spec
    "symbol": "instrument",
    "timeframe": "timeframe",
    "decision": "decision",
    "gap": "gap",
    "rows_rule": "rule for outcomes",
}


@dataclass(frozen=True)
class Member:
    """A candle run as the ensemble takes it: what it was asked for, its hashes, and the last outcome that its figures
    or a search behind it looked at (ISO 8601 in UTC).

    Or cell `cell` of the sweep `run_id`: it has no model until the ensemble trains it, so no hashes of data and model.
    """

    run_id: str
    spec: CandleSpec
    params_hash: str
    data_hash: str
    model_hash: str
    seen_until: str
    cell: int | None = None


@dataclass(frozen=True)
class EnsembleSpec:
    """An ensemble of `members`, ordered by params hash, run and candle: the order they are named in makes no other.

    It stands at the last decision candle among them, with that member's test window (the largest where several have
    that candle): none of them has been fitted on an outcome after it.
    """

    kind: ClassVar[str] = "ensemble"

    members: tuple[Member, ...]
    how: str = "mean"
    confirm: bool = True
    seed: int = SEED

    @property
    def candle(self) -> str:
        return max(member.spec.candle for member in self.members)

    @property
    def candle_at(self) -> datetime:
        return parse_time(self.candle)

    @property
    def newest(self) -> CandleSpec:
        """Of the member at the ensemble's candle, with the ensemble's test window: a single one."""
        at_candle = [member.spec for member in self.members if member.spec.candle == self.candle]
        widest = max(at_candle, key=lambda spec: spec.test_window_size)
        return replace(widest, windows=1, after="same")

    @property
    def test_window_size(self) -> int:
        return self.newest.test_window_size

    @property
    def sweep_id(self) -> str | None:
        """Of whose map the members are a row."""
        return None if self.members[0].cell is None else self.members[0].run_id

    @property
    def live(self) -> bool:
        """Whether its test window may lack candles that have not happened yet."""
        return self.newest.live

    @property
    def symbol(self) -> str:
        return self.members[0].spec.symbol

    @property
    def timeframe(self) -> str:
        return self.members[0].spec.timeframe

    @property
    def decision(self) -> str:
        return self.members[0].spec.decision

    @property
    def gap(self) -> int:
        return self.members[0].spec.gap

    @property
    def rows_rule(self) -> int:
        return self.members[0].spec.rows_rule

    @property
    def by_first_rule(self) -> bool:
        return self.members[0].spec.by_first_rule

    @property
    def protocol(self) -> str | None:
        return self._common("protocol")

    @property
    def feature_set(self) -> str | None:
        return self._common("feature_set")

    @property
    def seen_until(self) -> str:
        """The last outcome that whoever chose the members has looked at. PROTOCOL §7.1."""
        return max(member.seen_until for member in self.members)

    def _common(self, name: str) -> str | None:
        """A setting that all members have alike, else None."""
        values = {str(getattr(member.spec, name)) for member in self.members}
        return values.pop() if len(values) == 1 else None

    def as_dict(self) -> dict[str, Any]:
        """What runs of one series have in common, and the members."""
        return {
            "candle": self.candle,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "test_window_size": self.test_window_size,
            "decision": self.decision,
            "gap": self.gap,
            "how": self.how,
            "members": [{**asdict(member), "spec": member.spec.as_dict()} for member in self.members],
            "confirm": self.confirm,
            "live": self.live,
            "seed": self.seed,
            "rows_rule": self.rows_rule,
        }

    def as_request(self) -> dict[str, Any]:
        """In the shape of the API's request, with what the members made of it."""
        shown = {name: value for name, value in self.as_dict().items() if name not in ("candle", "members")}
        return {
            "candle_date": self.candle,
            "run_ids": [] if self.sweep_id else [member.run_id for member in self.members],
            "sweep_id": self.sweep_id,
            **shown,
            "seen_until": self.seen_until,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "EnsembleSpec":
        members = (Member(**{**member, "spec": CandleSpec.from_dict(member["spec"])}) for member in stored["members"])
        return cls(tuple(members), stored["how"], stored["confirm"], stored["seed"])

    def params_hash(self) -> str:
        """SHA-256 over the members' hashes of parameters, whatever their order, how long before the ensemble's candle
        theirs is, and how they are averaged."""
        members = [
            member.params_hash if member.spec.candle == self.candle else f"{member.params_hash} {self._before(member)}"
            for member in self.members
        ]
        configuration = {"kind": self.kind, "how": self.how, "members": sorted(members)}
        return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()

    def _before(self, member: Member) -> timedelta:
        return self.candle_at - member.spec.candle_at

    def data_hash(self) -> str:
        """SHA-256 over the members' hashes of data, whatever their order."""
        hashes = sorted(member.data_hash for member in self.members)
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def ensemble_of(members: list[Member], how: str) -> EnsembleSpec:
    """Raises SpecError where the members have no series, labels or horizon in common."""
    for field, name in SAME.items():
        values = {str(getattr(member.spec, field)): member.run_id for member in reversed(members)}
        if len(values) > 1:
            differing = ", ".join(f"{run_id} has {value}" for value, run_id in values.items())
            raise SpecError({"run_ids": [f"All runs must have the same {name}: {differing}."]})
    return EnsembleSpec(tuple(sorted(members, key=_order)), how)


def _order(member: Member) -> tuple[str, str, str]:
    return member.params_hash, member.run_id, member.spec.candle


def series_spec(stored: Mapping[str, Any]) -> CandleSpec | EnsembleSpec:
    """Back from what a run that makes a model of one series stored, or one about it."""
    return EnsembleSpec.from_dict(stored) if "members" in stored else CandleSpec.from_dict(stored)


def decision_spec(stored: Mapping[str, Any]) -> CandleSpec:
    """The settings at the decision candle of a run of one series: its own, or those of an ensemble's newest member."""
    spec = series_spec(stored)
    return spec.newest if isinstance(spec, EnsembleSpec) else spec


def trained_specs(spec: CandleSpec | EnsembleSpec) -> list[CandleSpec]:
    """What is trained at a step of a walk-forward: the run's settings, or those of all members with the ensemble's
    window, newest candle first. At a step each stands as long before its decision as its candle before the first's."""
    if not isinstance(spec, EnsembleSpec):
        return [spec]
    return [
        replace(member.spec, test_window_size=spec.test_window_size, windows=1, after="same", live=spec.live)
        for member in sorted(spec.members, key=lambda member: member.spec.candle, reverse=True)
    ]


def how_of(spec: CandleSpec | EnsembleSpec) -> str:
    """How its answers are averaged; of a single model its `mean` is what it says."""
    return spec.how if isinstance(spec, EnsembleSpec) else "mean"


def parse_ensemble_request(data: Any) -> tuple[list[str] | None, str]:
    """The API's body as the runs' names and how they are averaged; without names it is a row of a sweep that the body
    names. Raises SpecError."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    errors: dict[str, list[str]] = {
        str(name)[:60]: [f"Unknown field. Known: {', '.join(FIELDS)}."] for name in data if name not in FIELDS
    }
    run_ids, how = data.get("run_ids"), data.get("how", "mean")
    if "sweep_id" in data:
        if "run_ids" in data:
            errors["sweep_id"] = ["Send run_ids, or sweep_id and what names a row; not both."]
    elif of_row := [name for name in OF_ROW if name in data]:
        errors[of_row[0]] = ["Names a row of a sweep: send its sweep_id."]
    elif not isinstance(run_ids, list) or not all(isinstance(name, str) for name in run_ids):
        errors["run_ids"] = [f"Must be a list of {FEWEST} to {MOST} candle runs by their run_id."]
    elif twice := [name for name in run_ids if run_ids.count(name) > 1]:
        errors["run_ids"] = [f"Run {twice[0][:40]} is named twice; name each run once."]
    elif not FEWEST <= len(run_ids) <= MOST:
        errors["run_ids"] = [f"Must name {FEWEST} to {MOST} candle runs; {len(run_ids)} were named."]
    if how not in tuple(HOW):  # a list or an object has no hash
        errors["how"] = [f"Must be one of: {', '.join(HOW)}."]
    if errors:
        raise SpecError(errors)
    assert isinstance(how, str)
    return run_ids, how

"""What a walk-forward may be asked for: a universe run's settings, and how to walk. No third-party import."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.quant.candle.spec import Range, SpecError
from training.quant.universe.spec import UniverseSpec, parse_universe_spec

WINDOWS = ("expanding", "rolling")
MIN_TRAIN_DAYS = 100
CONFIRM_FOLDS, CONFIRM_STEP = 10, 60  # of the walk that judges a universe run
WALK_RANGES: dict[str, Range] = {
    r.name: r
    for r in (
        Range("folds", "Folds", 1, 100, 5, 1, True, "", False),
        Range("step", "Test days of each fold", 5, 500, 60, 1, True, "trading days", False),
    )
}


@dataclass(frozen=True)
class WalkSpec:
    """A walk over a universe, validated. `fold` is None for the whole of it, else the number of one fold, from 1 on."""

    spec: UniverseSpec
    folds: int = 5
    step: int = 60
    window: str = WINDOWS[0]
    fold: int | None = None

    @property
    def kind(self) -> str:
        return "walk" if self.fold is None else "fold"

    @property
    def universe(self) -> str:
        return self.spec.universe

    @property
    def candle_at(self) -> None:
        """A walk has no decision candle."""
        return None

    @property
    def days_needed(self) -> int:
        """Days with features and a known outcome that the first fold's training and all folds take."""
        return MIN_TRAIN_DAYS + self.spec.horizon + self.spec.embargo + self.folds * self.step

    def as_dict(self) -> dict[str, Any]:
        """One flat object, the universe's settings among it."""
        return {**self.spec.as_dict(), **{k: v for k, v in asdict(self).items() if k != "spec"}}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "WalkSpec":
        """Back from what a run stored."""
        own = {name: stored[name] for name in ("folds", "step", "window", "fold") if name in stored}
        return cls(UniverseSpec.from_dict(stored), **own)

    def params_hash(self) -> str:
        """SHA-256 over what makes a configuration; the same for every fold."""
        told = f"{self.spec.params_hash()} walk_forward {self.folds} {self.step} {self.window}"
        return hashlib.sha256(told.encode()).hexdigest()


def confirming_walk(spec: UniverseSpec, *, days: int) -> WalkSpec | None:
    """The walk that judges a universe run: 10 folds of 60 days, fewer where `days` (with features and a known outcome)
    don't reach; None where they don't reach for one."""
    folds = min(CONFIRM_FOLDS, (days - WalkSpec(spec, folds=0).days_needed) // CONFIRM_STEP)
    return WalkSpec(spec, folds=folds, step=CONFIRM_STEP) if folds > 0 else None


def parse_walk_spec(spec: UniverseSpec, data: Any) -> WalkSpec:
    """How to walk, as the API's `walk_forward` object has it. Raises SpecError."""
    if not isinstance(data, Mapping):
        raise SpecError({"walk_forward": ["Must be an object with folds, step and window, each of them optional."]})
    known = {"window", *WALK_RANGES}
    errors = {
        str(name)[:60]: [f"Unknown field. Known: {', '.join(sorted(known))}."] for name in data if name not in known
    }
    values: dict[str, Any] = {}
    for name, wanted in WALK_RANGES.items():
        try:
            values[name] = wanted.check(data.get(name, wanted.default))
        except ValueError as error:
            errors[name] = [str(error)]
    values["window"] = data.get("window", WINDOWS[0])
    if not isinstance(values["window"], str) or values["window"] not in WINDOWS:
        errors["window"] = [f"Must be one of: {', '.join(WINDOWS)}."]
    if not spec.refit:
        errors["refit"] = ["A walk-forward keeps no model, so there is nothing that could be fitted again."]
    if errors:
        raise SpecError(errors)
    return WalkSpec(spec, **values)


def parse_universe_request(data: Any) -> UniverseSpec | WalkSpec:
    """The body of POST /api/training/runs: a universe run, or a walk where it has a `walk_forward`."""
    if not isinstance(data, Mapping):
        return parse_universe_spec(data)
    spec = parse_universe_spec(data, besides=["walk_forward"])
    wanted = data.get("walk_forward")
    return spec if wanted is None else parse_walk_spec(spec, wanted)

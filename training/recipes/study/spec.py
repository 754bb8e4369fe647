"""What a study may be asked for: a candle run's body, and how long and among what is searched."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import SEARCHED_RANGES, CandleSpec, Range, SpecError

Bounds = tuple[float, float]

STUDY_RANGES: dict[str, Range] = {
    r.name: r
    for r in (
        Range("seconds", "Time", 5, 120, 30, 1, True, "seconds", False),
        Range("trials", "Search trials", 10, 1000, 60, 1, True, "", False),
        Range("folds", "Folds", 2, 8, 3, 1, True, "", False),
    )
}
SPACE: dict[str, Bounds] = {name: (r.low, r.high) for name, r in SEARCHED_RANGES.items() if name != "rounds"}
OPTIONS = (*STUDY_RANGES, "space", "then_train", "rotated")


@dataclass(frozen=True)
class StudySpec:
    """The search before `run`. `seconds`: None where only the number of trials ends it, so that it can be repeated.
    `space`: parameter -> lowest and highest value to try. `then_train`: start the run with what was taken. `rotated`:
    on labels rotated in time, for what luck gives; makes no run."""

    kind: ClassVar[str] = "study"

    run: CandleSpec
    seconds: int | None
    trials: int
    folds: int
    space: Mapping[str, Bounds]
    then_train: bool = True
    rotated: bool = False

    def as_dict(self) -> dict[str, Any]:
        own = {name: value for name, value in asdict(self).items() if name != "run"}
        return {**self.run.as_dict(), **own, "space": {name: list(bounds) for name, bounds in self.space.items()}}

    def as_request(self) -> dict[str, Any]:
        """In the shape of the API's request, with what the server added."""
        return {**self.run.as_request(), **{name: self.as_dict()[name] for name in OPTIONS}}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "StudySpec":
        """Back from what a run stored."""
        own = {name: stored[name] for name in OPTIONS if name != "space"}
        space = {name: (low, high) for name, (low, high) in stored["space"].items()}
        run = CandleSpec.from_dict({name: value for name, value in stored.items() if name not in OPTIONS})
        return cls(run=run, space=space, **own)

    def params_hash(self) -> str:
        """SHA-256 over all of it, symbol and candle too: the same study of the same run."""
        return hashlib.sha256(json.dumps({"kind": self.kind, **self.as_dict()}, sort_keys=True).encode()).hexdigest()


def rotated_twin(spec: StudySpec, *, trials: int) -> StudySpec:
    """The study that shows what so many trials find where there is nothing to find."""
    return replace(spec, seconds=None, trials=trials, then_train=False, rotated=True)


def parse_study_spec(data: Any, *, default_symbol: str = "") -> StudySpec:
    """The body of POST /api/training/studies. Raises SpecError for what is unknown or wrong.

    `seconds` are 30 unless `trials` are set: then their number alone ends it.
    """
    errors: dict[str, list[str]] = {}
    run = None
    body = {name: value for name, value in data.items() if name not in OPTIONS} if isinstance(data, Mapping) else data
    try:
        run = parse_candle_spec(body, default_symbol=default_symbol, besides=OPTIONS)
    except SpecError as error:
        errors |= error.errors
    if not isinstance(data, Mapping):
        raise SpecError(errors)
    values: dict[str, Any] = {}
    for name, setting in STUDY_RANGES.items():
        try:
            values[name] = setting.check(data.get(name, setting.default))
        except ValueError as error:
            errors[name] = [str(error)]
    if "trials" in data and "seconds" not in data:
        values["seconds"] = None
    for name, default in (("then_train", True), ("rotated", False)):
        values[name] = data.get(name, default)
        if not isinstance(values[name], bool):
            errors[name] = ["Must be true or false."]
    try:
        values["space"] = _space(data.get("space", SPACE))
    except ValueError as error:
        errors["space"] = [str(error)]
    if run is not None:
        errors |= _not_searched(run)
    if errors or run is None:
        raise SpecError(errors)
    return StudySpec(run=run, **values)


def _not_searched(run: CandleSpec) -> dict[str, list[str]]:
    """What a run can't have that settings are searched for."""
    errors = {}
    if run.protocol == "steady":
        errors["protocol"] = ["Steady fixes all settings: there is nothing to search. Choose honest or poc."]
    if run.model == "logistic":
        errors["model"] = ["Logistic regression has no settings to search. Choose lightgbm."]
    if run.decision != "close":
        errors["decision"] = ["Steady, which a study is held against, decides at the close. Leave it out."]
    if run.rounds is not None:
        errors["rounds"] = ["A study chooses the rounds itself. Leave it out."]
    return errors


def _space(value: Any) -> dict[str, Bounds]:
    """Names of parameters, or an object of their bounds; ValueError with the sentence for the user."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = {name: SPACE.get(name) for name in value}
    if not isinstance(value, Mapping) or not value or not set(value) <= set(SPACE):
        raise ValueError(f"Must name at least one of {', '.join(SPACE)}, each with its lowest and highest value.")
    return {name: _bounds(name, bounds) for name, bounds in value.items()}


def _bounds(name: str, value: Any) -> Bounds:
    setting = SEARCHED_RANGES[name]
    try:
        low, high = (setting.check(bound) for bound in value)
    except (TypeError, ValueError) as error:
        between = f"from {setting.low:g} to {setting.high:g}"
        raise ValueError(
            f"{name}: must be a lowest and a highest value {between}, as [{setting.low:g}, {setting.high:g}]."
        ) from error
    if low >= high:
        raise ValueError(f"{name}: the lowest value must be below the highest.")
    return low, high

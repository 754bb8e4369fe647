"""An ensemble's model read back from its text files: copies of its members' files, and a manifest. Nothing is ever
unpickled."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix, feature_set
from training.quant.candle.model import MANIFEST, MODEL, CandleModel, check_files, read_model
from training.quant.ensemble.average import average

Floats = NDArray[np.float64]
REFERENCE = "reference.json"  # a member's probabilities for its training rows, where ranks are averaged
NATIVE = re.compile(r"(member_\d\d_)?(model\.txt|manifest\.json|reference\.json)")  # what serving reads of a folder


@dataclass(frozen=True)
class EnsembleModel:
    """Asked as a CandleModel is; its features are those of all feature sets among its members, side by side.

    `references`: for each member its probabilities for its training rows; empty where probabilities are averaged.
    """

    members: tuple[CandleModel, ...]
    references: tuple[Floats, ...]
    how: str
    timeframe: str
    threshold: float

    @cached_property
    def feature_sets(self) -> dict[str, slice]:
        """Name -> its columns, in the order in which the members name them."""
        columns, start = {}, 0
        for name in dict.fromkeys(member.feature_set for member in self.members):
            stop = start + len(feature_set(name).columns)
            columns[name] = slice(start, stop)
            start = stop
        return columns

    @property
    def warmup(self) -> int:
        """Bars that must come before the first row that has all features."""
        return max(member.warmup for member in self.members)

    def features(self, bars: Bars) -> Floats:
        """(n, k) unscaled features of adjusted bars; NaN where a window is not full."""
        return np.hstack([feature_matrix(bars, name=name, timeframe=self.timeframe) for name in self.feature_sets])

    def probability(self, features: Floats) -> Floats:
        """The members' average for (n, k) unscaled features, 0 to 1; NaN where a row has a NaN that one of them looks
        at. Shape (n,)."""
        return average(self.how, [member.probability(own) for member, own in self._each(features)], self.references)

    def out_of_range(self, features: Floats) -> Floats:
        """The mean of the members' (see CandleModel). Shape (n,)."""
        return np.asarray(np.mean([member.out_of_range(own) for member, own in self._each(features)], axis=0))

    def distance(self, features: Floats) -> Floats:
        """The mean of the members' (see CandleModel). Shape (n,)."""
        return np.asarray(np.mean([member.distance(own) for member, own in self._each(features)], axis=0))

    def _each(self, features: Floats) -> list[tuple[CandleModel, Floats]]:
        return [
            (member, np.ascontiguousarray(features[:, self.feature_sets[member.feature_set]]))
            for member in self.members
        ]


def member_file(place: int, name: str) -> str:
    """How a member's file is called in the ensemble's folder; `place` from 0."""
    return f"member_{place + 1:02d}_{name}"


def read_served(files: dict[str, bytes], expected: dict[str, str]) -> CandleModel | EnsembleModel:
    """A model of one series from the bytes of what serving reads of it, each held against its SHA-256 before it is
    parsed. Raises Integrity."""
    check_files(files, expected)
    manifest = json.loads(files[MANIFEST])
    return _ensemble(manifest, files, expected) if "members" in manifest else read_model(files, expected)


def _ensemble(manifest: dict[str, Any], files: dict[str, bytes], expected: dict[str, str]) -> EnsembleModel:
    members, references = [], []
    for place in range(len(manifest["members"])):
        own = {name: member_file(place, name) for name in (MODEL, MANIFEST, REFERENCE)}
        there = {name: files[file] for name, file in own.items() if file in files}
        references.append(np.array(json.loads(there.pop(REFERENCE, b"[]")), dtype=np.float64))
        members.append(read_model(there, {name: expected[own[name]] for name in there}))  # checked again, by its name
    return EnsembleModel(
        members=tuple(members),
        references=tuple(references),
        how=manifest["how"],
        timeframe=manifest["timeframe"],
        threshold=manifest["threshold"],
    )

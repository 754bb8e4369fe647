"""What all fits on a panel share, made once: exposures, and the rows as the recipe `honest` sees them.

A run, the folds of its walk and the walk itself work on the same; a fold adds only what is known on its first day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.exposure import Exposures, exposures_of
from training.quant.universe.forward import Forward
from training.quant.universe.honest.bins import as_bytes
from training.quant.universe.honest.train import HonestRows, honest_rows
from training.quant.universe.panel import Panel
from training.quant.universe.room import Room, columns_in_memory
from training.quant.universe.spec import HONEST

Arrays = dict[str, NDArray[Any]]
_TABLES = ("days", "open", "close", "traded", "day", "instrument", "features")  # of a panel, as they are


@dataclass(frozen=True)
class PreparedPanel:
    """A panel with its exposures, and, of the recipe `honest`, its rows."""

    panel: Panel
    exposures: Exposures
    honest: HonestRows | None

    def without_features(self) -> "PreparedPanel":
        """Without what the recipe `honest` doesn't look at once its rows are made; as it is where they aren't."""
        if self.honest is None:
            return self
        return replace(self, panel=replace(self.panel, features=self.panel.features[:, :0]))


def prepare_panel(panel: Panel, *, recipe: str, horizon: int, room: Room = columns_in_memory) -> PreparedPanel:
    """`room` is for the ranks of `honest`."""
    exposures = exposures_of(panel.close, panel.traded, panel.member)
    if recipe != HONEST:
        return PreparedPanel(panel, exposures, honest=None)
    honest = honest_rows(panel, horizon, exposures=exposures, room=room)
    return PreparedPanel(panel, exposures, replace(honest, binned=as_bytes(honest.ranks, honest.names)))


def to_arrays(prepared: PreparedPanel) -> Arrays:
    """All of it but the symbols and the sessions a year, by name."""
    panel, honest = prepared.panel, prepared.honest
    arrays: Arrays = {name: getattr(panel, name) for name in _TABLES}
    if panel.member is not None:
        arrays["member"] = panel.member
    arrays |= {f"exposures.{name}": values for name, values in vars(prepared.exposures).items()}
    for horizon, forward in panel.forward.items():
        arrays |= {f"forward.{horizon}.{name}": values for name, values in vars(forward).items()}
    if honest is not None:
        arrays |= {"honest.ranks": honest.ranks, "honest.volatility": honest.volatility}
        arrays |= {f"honest.targets.{horizon}": values for horizon, values in honest.targets.items()}
        if honest.binned is not None:
            arrays["honest.binned"] = honest.binned
    return arrays


def from_arrays(arrays: Mapping[str, NDArray[Any]], symbols: tuple[str, ...]) -> PreparedPanel:
    """Back from `to_arrays`, to the same bits."""
    horizons = dict.fromkeys(int(name.split(".")[1]) for name in arrays if name.startswith("forward."))
    forward = {h: Forward(**{f.name: arrays[f"forward.{h}.{f.name}"] for f in fields(Forward)}) for h in horizons}
    panel = Panel(
        symbols=symbols,
        forward=forward,
        member=arrays.get("member"),
        sessions_a_year=None,  # no array: whoever keeps them puts it back
        **{name: arrays[name] for name in _TABLES},
    )
    exposures = Exposures(**{field.name: arrays[f"exposures.{field.name}"] for field in fields(Exposures)})
    honest = None
    if "honest.ranks" in arrays:
        honest = HonestRows(
            day=panel.day,
            instrument=panel.instrument,
            ranks=np.asarray(arrays["honest.ranks"]),
            volatility=arrays["honest.volatility"],
            exposures=exposures,
            forward=forward,
            targets={horizon: arrays[f"honest.targets.{horizon}"] for horizon in horizons},
            binned=arrays.get("honest.binned"),
        )
    return PreparedPanel(panel, exposures, honest)

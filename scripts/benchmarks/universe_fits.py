"""The fits of a `phase22` run of a universe by themselves, on all cores, from matrices that lie ready: run in a process
of its own by `scripts/bench universe`, on the database of its settings. Prints the seconds.

    python -m scripts.benchmarks.universe_fits UNIVERSE
"""

import json
import sys

import numpy as np

from scripts.benchmarks.measured import timed


def main(universe: str) -> None:
    import django  # noqa: PLC0415 - with the rest of what is imported before the clock starts

    django.setup()
    import lightgbm  # noqa: PLC0415

    from training.quant.universe.fit import TREES, parameters  # noqa: PLC0415 - after django.setup
    from training.quant.universe.panel import split_panel  # noqa: PLC0415
    from training.quant.universe.spec import PHASE22, UniverseSpec  # noqa: PLC0415
    from training.quant.universe.train import label_rows  # noqa: PLC0415
    from training.recipes.universe.data import universe_data  # noqa: PLC0415

    spec = UniverseSpec(universe=universe, recipe=PHASE22)
    panel = universe_data(spec).panel
    labels, split = label_rows(panel, spec), split_panel(panel, horizon=spec.horizon, embargo=0)
    shape = {**parameters(spec.seed), "num_threads": 0}
    matrices = [(panel.features[rows], rows) for rows in (split.train, np.flatnonzero(panel.has_outcome))]

    def fits() -> None:
        for matrix, rows in matrices:  # the judged pair, then the one to use
            data = lightgbm.Dataset(matrix, label=labels[rows], params=shape)
            lightgbm.train({**shape, "objective": "multiclass", "num_class": 3}, data, TREES)
            data.set_label(panel.returns[rows])
            lightgbm.train({**shape, "objective": "regression"}, data, TREES)

    print(json.dumps({"seconds": timed(fits)}))


if __name__ == "__main__":
    main(sys.argv[1])

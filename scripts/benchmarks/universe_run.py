"""A whole `phase22` run of a universe on so many threads, in a process of its own, on the database of its settings, by
`scripts/bench universe`. Prints the seconds.

    python -m scripts.benchmarks.universe_run UNIVERSE THREADS
"""

import json
import sys

from scripts.benchmarks.measured import timed


def main(universe: str, threads: int) -> None:
    import django  # noqa: PLC0415 - with the rest of what is imported before the clock starts

    django.setup()
    import training.recipes.universe.execute  # noqa: F401, PLC0415
    from training.quant.universe.spec import PHASE22, UniverseSpec  # noqa: PLC0415 - after django.setup
    from training.worker.execute import execute  # noqa: PLC0415
    from training.worker.foreground import create_claimed  # noqa: PLC0415

    (held,) = create_claimed(UniverseSpec(universe=universe, recipe=PHASE22, confirm=False))
    seconds = timed(lambda: execute(run_pk=held.pk, token=held.token, cores=lambda: threads))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

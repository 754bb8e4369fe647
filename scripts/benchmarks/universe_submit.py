"""Hands a `phase22` run of a universe to the workers of the database of its settings and waits for its end. Prints how
it ended.

    python -m scripts.benchmarks.universe_submit UNIVERSE
"""

import sys
import time

LOOK_EVERY_S = 0.5


def main(universe: str) -> None:
    import django  # noqa: PLC0415

    django.setup()
    from training.models import ACTIVE, TrainingRun  # noqa: PLC0415 - after django.setup
    from training.quant.universe.spec import PHASE22, UniverseSpec  # noqa: PLC0415
    from training.runs.services import run_create  # noqa: PLC0415

    run = run_create(spec=UniverseSpec(universe=universe, recipe=PHASE22, confirm=False), user=None)
    while run.status in ACTIVE:
        time.sleep(LOOK_EVERY_S)
        run = TrainingRun.objects.get(pk=run.pk)
    print(f"{run.status} {run.error}".strip())


if __name__ == "__main__":
    main(sys.argv[1])

"""Where chunks are worked out: in the process of the run, or on the cluster that the settings name."""

from collections.abc import Callable
from itertools import count

from django.conf import settings

from training.quant.chunks import Chunk, WorkOut


def executor(*, key: str, tell: Callable[[str], None]) -> WorkOut:
    """For one attempt at a run, which `key` names; `tell` hears how it stands, and may raise to give up."""
    if settings.ENGINE != "dask":
        return Chunk.work_out
    from training.worker.executors.cluster import work_out_there  # noqa: PLC0415 - of an extra

    numbers = count(1)  # the scheduler takes a key that it still knows for the same task
    # It begins with the kind: by that the scheduler tells how long such tasks take, and gives who is idle what waits.
    return lambda chunk: work_out_there(chunk, key=f"{chunk.kind}-{key}-{next(numbers)}", tell=tell)


def load_executor() -> str:
    """For a command that forks children, each of which would take a second for it. Why chunks will have to wait, in a
    sentence; "" where they needn't."""
    if settings.ENGINE != "dask":
        return ""
    from training.worker.executors.cluster import problem  # noqa: PLC0415 - of an extra

    return problem()

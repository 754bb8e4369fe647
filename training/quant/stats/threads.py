"""How many threads numbers are made by; they are the same to the last bit with any number."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController, threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def on_one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Whatever matrices `function` multiplies or decomposes, BLAS does on one thread: more would add up in another
    order."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Those that are loaded, NumPy's among them: looked for once, since looking takes 10 ms."""
    return ThreadpoolController()


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """LightGBM, which is loaded already, fits and predicts with `count` threads where it is given `num_threads=0`: the
    number itself would stand in the model's text. A process that has done so with more than one can't fork any more."""
    with threadpool_limits(limits=count, user_api="openmp"):
        yield

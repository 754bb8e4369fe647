"""Sweeps on a running site: what its two workers reach beside two bare processes, and what a click waits meanwhile."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from scripts.benchmarks.candle import clicker, timed
from scripts.benchmarks.site import Site

PROCESSES = 2
NICE = 10  # as workers run chunks: what else the machine does takes as much from both
SWEEP = {"from": "2005-01-01", "to": "2012-12-31", "every": 25, "train_years": [1, 2, 3]}


def measure(site: Site, symbol: str, candle: str, rounds: int) -> dict[str, float]:
    """Seconds, medians over `rounds`: bare, sweep, and a click without and with a sweep under way; by turns. Before
    anything is fitted in this process, which forks."""
    bare, click = bare_fits(symbol), clicker(site, candle)
    click()  # warm
    times: dict[str, list[float]] = {"two_bare_s": [], "two_workers_s": [], "click_s": [], "click_in_sweep_s": []}
    for _ in range(rounds):
        times["two_bare_s"].append(timed(bare))
        times["two_workers_s"].append(timed(lambda: sweep_to_its_end(site, symbol)))
        times["click_s"] += [timed(click) for _ in range(5)]
        sweep = _start(site, symbol)
        _await(partial(_is_on_all_workers, sweep))
        times["click_in_sweep_s"] += [timed(click) for _ in range(5)]
        sweep.refresh_from_db()
        if sweep.is_terminal:
            raise SystemExit("The sweep was over before the clicks were. Use a larger one.")
        _await_end(sweep)
    return {name: median(values) for name, values in times.items()}


def bare_fits(symbol: str, body: dict[str, Any] = SWEEP) -> Callable[[], None]:
    """The fits of all cells, rows and labels ready, by two processes."""
    from training.quant.candle.plan import plan_candle  # noqa: PLC0415 - these need django.setup
    from training.quant.candle.train import fit_candle  # noqa: PLC0415
    from training.quant.search.train_cell import cell_arrays  # noqa: PLC0415

    specs, data = _cells_of(symbol, body)
    names = {spec.feature_set for spec in specs}
    arrays = cell_arrays(data.bars, feature_sets=names, timeframe=specs[0].timeframe, stale_time=data.stale_time)
    fits = []
    for spec in specs:
        decision = int(data.bars.time.searchsorted(int(spec.candle_at.timestamp())))
        plan = plan_candle(data.bars, decision=decision, spec=spec, stale_time=data.stale_time)
        fits.append((arrays.features[spec.feature_set][plan.rows], arrays.labels[plan.rows], plan.split, spec))

    def bare() -> None:
        _side_by_side([partial(fit, fits[place::PROCESSES]) for place in range(PROCESSES)])

    def fit(share: list[Any]) -> None:
        for features, labels, split, spec in share:
            fit_candle(features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)

    return bare


def bare_cells(symbol: str, body: dict[str, Any]) -> Callable[[], None]:
    """All cells, judged too, by two processes that have the bars and keep nothing."""
    from training.quant.search.train_cell import cells_chunk  # noqa: PLC0415 - these need django.setup

    specs, data = _cells_of(symbol, body)
    shares = [specs[place::PROCESSES] for place in range(PROCESSES)]
    chunks = [cells_chunk(data.bars, share, stale_time=data.stale_time) for share in shares]
    return lambda: _side_by_side([partial(_work_through, chunk) for chunk in chunks])


def _cells_of(symbol: str, body: dict[str, Any]) -> tuple[list[Any], Any]:
    """The settings of all cells, and their bars."""
    from training.recipes.candle.data import candle_series  # noqa: PLC0415 - these need django.setup
    from training.recipes.sweep.data import sweep_data, sweep_spec  # noqa: PLC0415

    sweep = sweep_spec(body, default_symbol=symbol)
    specs = [sweep.cell(number) for number in range(sweep.cells)]
    return specs, sweep_data(candle_series(specs[0]), specs)


def _work_through(chunk: Any) -> None:
    for _ in chunk.work_out():
        pass


def _side_by_side(works: Sequence[Callable[[], object]]) -> None:
    from django.db import connections  # noqa: PLC0415 - needs django.setup

    connections.close_all()
    pids = [_forked(work) for work in works]
    if any(os.waitpid(pid, 0)[1] for pid in pids):
        raise SystemExit("A bare process failed.")


def _forked(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.nice(NICE)
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def sweep_to_its_end(site: Site, symbol: str, body: dict[str, Any] = SWEEP) -> None:
    _await_end(_start(site, symbol, body))


def hosts_of_chunks() -> dict[str, int]:
    """How many chunks of all sweeps each host has carried out."""
    from training.models import TrainingRun  # noqa: PLC0415 - after django.setup

    return dict(Counter(TrainingRun.objects.filter(kind="sweep_chunk").values_list("worker_host", flat=True)))


def _start(site: Site, symbol: str, body: dict[str, Any] = SWEEP) -> Any:
    from training.models import TrainingRun  # noqa: PLC0415 - after django.setup

    sweep_id = site.ask("POST", "/api/training/sweeps", {**body, "symbol": symbol})["sweep_id"]
    return TrainingRun.objects.get(run_id=sweep_id)


def _is_on_all_workers(sweep: Any) -> bool:
    return bool(sweep.parts.filter(status="running").count() == PROCESSES)


def _await_end(sweep: Any) -> None:
    _await(lambda: type(sweep).objects.filter(pk=sweep.pk, finished_at__isnull=False).exists(), poll_s=0.05)
    sweep.refresh_from_db()
    if sweep.status != "completed":
        raise SystemExit(f"sweep {sweep.run_id} ended {sweep.status}: {sweep.error}")


def _await(condition: Callable[[], bool], poll_s: float = 0.005) -> None:
    while not condition():
        time.sleep(poll_s)

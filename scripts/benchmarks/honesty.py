"""Is it fooled by noise, and does it find what is there? The product's own pipeline on made-up markets.

Prints the accepted error rates beside what was measured, with standard errors; shares are held against their bound by
an exact binomial test at 1 %, means by 2.6 standard errors. Parts that are outside are measured again with fresh seeds,
and are outside if they are so twice. The usual recipe (early stopping on the test window) runs beside on the same
noise. Seeded: the same seeds give the same figures. Each seed's outcome is kept under var/bench/honesty, so that a part
that was stopped goes on where it was, as long as the quant code is the same. `--docs` writes what was measured at full
size into docs/honesty.json and the table of docs/method.md.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from scripts.benchmarks.honest_candles import (
    filled_run,
    noise_rows,
    noise_run,
    planted_60,
    planted_65,
    planted_rows,
    session_on_noise,
    session_rows,
    stale_rows,
    steady_60,
    steady_noise,
    steady_noise_rows,
    untraded_run,
    usual_rows,
    usual_run,
)
from scripts.benchmarks.honest_costs import (
    candle_statistics,
    honest_statistics,
    money_figures,
    money_rows,
    phase22_statistics,
    share_rows,
)
from scripts.benchmarks.honest_shares import Row, at_least, at_most
from scripts.benchmarks.honest_studies import tuned_noise
from scripts.benchmarks.honest_sweeps import (
    MapClaim,
    equal_map,
    noise_batch,
    noise_map,
    planted_batch,
    unequal_map,
)
from scripts.benchmarks.honest_universes import (
    momentum_rows,
    noise_walk,
    noise_walk_rows,
    phase22_noise_rows,
    phase22_noise_walk,
    planted_momentum,
    planted_reversal,
    planted_walk,
    planted_walk_rows,
    reversal_rows,
)
from scripts.benchmarks.meta_worlds import noise_world, planted_world
from training.artifacts.provenance import code_version
from training.quant.search.meta_pairs import MetaClaim
from training.quant.search.names import YOURS
from training.quant.stats.multiple_testing import trial_level

SEED = 20_000
FRESH = 1_000_000  # seeds further: of parts that are measured again
OUTCOMES, RESULT = Path("var/bench/honesty"), Path("var/bench/honesty.json")
DOCS_JSON, DOCS_PAGE = Path("docs/honesty.json"), Path("docs/method.md")
TABLE = "<!-- scripts/bench honesty --docs writes from here -->\n", "<!-- to here -->\n"


@dataclass(frozen=True)
class Check:
    """What is measured together: `work` of one seed, `size` seeds at full size from `SEED + offset` on."""

    work: Callable[[int], Any]
    size: int
    offset: int
    rows_of: Callable[[list[Any]], list[Row]]

    @property
    def name(self) -> str:
        return self.work.__name__


@dataclass(frozen=True)
class Measured:
    """A part as it was measured; `before`: its rows with the first seeds, where those were outside."""

    rows: list[Row]
    first_seed: int
    seeds: int
    cpu_hours: float
    commit: str
    before: list[Row]


def main(arguments: list[str]) -> int:
    named = {check.name: check for check in parts()}
    parser = argparse.ArgumentParser(prog="scripts/bench honesty", description=__doc__)
    parser.add_argument("--row", nargs="+", choices=named, default=list(named), help="which parts (default: all)")
    parser.add_argument("--share", type=float, default=1.0, help="of every size (default: 1.0)")
    parser.add_argument("--quick", action="store_const", const=0.1, dest="share", help="--share 0.1")
    parser.add_argument("--processes", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--docs", action="store_true", help="write the rows at full size into the docs")
    options = parser.parse_args(arguments)
    results: dict[str, Measured] = {}
    os.environ["OMP_NUM_THREADS"] = "1"  # for processes that start anew: threads that spin for each other count as CPU
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for name in options.row:
            results[name] = measured(pool, named[name], max(1, round(named[name].size * options.share)))
            RESULT.parent.mkdir(parents=True, exist_ok=True)
            RESULT.write_text(as_json(results))
            if options.docs and options.share == 1.0:
                write_docs(name, results[name])
    print(f"{sum(result.cpu_hours for result in results.values()):.2f} hours of CPU")
    return 0 if all(row.inside for result in results.values() for row in result.rows) else 1


def parts() -> list[Check]:
    """In the order of the table."""
    return [
        Check(noise_run, 1000, 0, noise_rows),
        Check(filled_run, 200, 60_000, partial(stale_rows, "10 % of the bars filled forward")),
        Check(untraded_run, 200, 70_000, partial(stale_rows, "20 % of the days untraded")),
        Check(planted_65, 200, 20_000, partial(planted_rows, 0.65, 0.85)),
        Check(planted_60, 200, 30_000, partial(planted_rows, 0.60, 0.30)),
        Check(steady_60, 200, 30_000, partial(planted_rows, 0.60, 0.65, protocol="steady")),
        Check(steady_noise, 200, 80_000, steady_noise_rows),
        Check(session_on_noise, 400, 10_000, session_rows),
        Check(usual_run, 1000, 0, usual_rows),
        Check(noise_walk, 1000, 150_000, noise_walk_rows),
        Check(phase22_noise_walk, 60, 150_000, phase22_noise_rows),
        Check(planted_walk, 200, 50_000, planted_walk_rows),
        Check(planted_momentum, 100, 160_000, momentum_rows),
        Check(planted_reversal, 100, 170_000, reversal_rows),
        Check(tuned_noise, 400, 85_000, tuned_rows),
        Check(noise_batch, 400, 100_000, batch_rows),
        Check(planted_batch, 50, 110_000, planted_batch_rows),
        Check(noise_map, 400, 120_000, map_rows),
        Check(equal_map, 100, 130_000, equal_rows),
        Check(unequal_map, 50, 140_000, unequal_rows),
        Check(noise_world, 40, 90_000, meta_noise_rows),
        Check(planted_world, 10, 95_000, meta_planted_rows),
        Check(money_figures, 100, 180_000, money_rows),
        Check(candle_statistics, 20, 190_000, partial(share_rows, "candle", 0.15)),
        Check(honest_statistics, 20, 200_000, partial(share_rows, "`honest` universe", 0.05)),
        Check(phase22_statistics, 20, 200_000, partial(share_rows, "`phase22` universe", 0.05)),
    ]


def measured(pool: ProcessPoolExecutor, check: Check, count: int) -> Measured:
    """`count` seeds of the check; where a row is outside, all of them again with fresh seeds."""
    first, before, seconds = SEED + check.offset, list[Row](), 0.0
    for start in (first, first + FRESH):
        values, spent = outcomes(pool, check, range(start, start + count))
        rows, seconds = check.rows_of(values), seconds + spent
        print(*rows, f"  {check.name}: {spent / 3600:.2f} hours of CPU", sep="\n", flush=True)
        if all(row.inside for row in rows) or before:
            break
        before = rows
        print("Outside: with fresh seeds", flush=True)
    return Measured(rows, start, count, seconds / 3600, commit(), before)


def outcomes(pool: ProcessPoolExecutor, check: Check, seeds: range) -> tuple[list[Any], float]:
    """(the outcome of each seed, seconds of CPU), from the check's file where it has them already."""
    path = OUTCOMES / f"{check.name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {line["seed"]: line for line in lines if line["code"] == code_version()}
    with path.open("a") as file:
        for line in pool.map(partial(one_outcome, check.work), [seed for seed in seeds if seed not in done]):
            print(json.dumps(line), file=file, flush=True)
            done[line["seed"]] = line
    kind = get_type_hints(check.work)["return"]
    return [msgspec.convert(done[seed]["value"], kind) for seed in seeds], sum(done[seed]["cpu_s"] for seed in seeds)


def one_outcome(work: Callable[[int], Any], seed: int) -> dict[str, Any]:
    begun = time.process_time()
    value = msgspec.to_builtins(work(seed))
    return {"seed": seed, "code": code_version(), "value": value, "cpu_s": time.process_time() - begun}


def commit() -> str:
    """With -dirty where code was changed since; what the bench itself writes is none."""
    git = partial(subprocess.run, check=False, capture_output=True, text=True)
    head = git(["git", "rev-parse", "--short", "HEAD"]).stdout.strip()
    is_clean = git(["git", "diff", "--quiet", "HEAD", "--", "*.py"]).returncode == 0
    return head if is_clean else f"{head}-dirty"


def as_json(results: dict[str, Measured]) -> str:
    return json.dumps({name: asdict(result) for name, result in results.items()}, indent=1) + "\n"


def write_docs(name: str, result: Measured) -> None:
    """The part's result into docs/honesty.json, and all that stand there into the table of docs/method.md."""
    results = read_docs() | {name: result}
    DOCS_JSON.write_text(as_json({check.name: results[check.name] for check in parts() if check.name in results}))
    before, _, after = page_parts()
    DOCS_PAGE.write_text(before + table() + after)


def read_docs() -> dict[str, Measured]:
    return msgspec.json.decode(DOCS_JSON.read_bytes(), type=dict[str, Measured]) if DOCS_JSON.exists() else {}


def page_parts() -> tuple[str, str, str]:
    """docs/method.md before the table, the table, after it."""
    before, rest = DOCS_PAGE.read_text().split(TABLE[0])
    inside, after = rest.split(TABLE[1])
    return before + TABLE[0], inside, TABLE[1] + after


def table() -> str:
    """As docs/honesty.json has it."""
    return (
        "\n".join(["| | accepted | measured | | seeds | commit |", "|---|---|---|---|---|---|", *table_lines()]) + "\n"
    )


def table_lines() -> Iterator[str]:
    for result in read_docs().values():
        seeds = f"{result.first_seed} to {result.first_seed + result.seeds - 1}"
        for row in result.rows:
            yield f"{row} {seeds} | {result.commit} |"
        for row in result.before:
            yield f"| {row.name}, first seeds | {row.accepted} | {row.measured} | | | |"


def tuned_rows(outcomes: Sequence[tuple[float, str]]) -> list[Row]:
    name = "noise, runs after a study of 60 search trials, pooled p < 0.05"
    row = at_most(name, sum(p < 0.05 for p, _ in outcomes), len(outcomes), 0.05)
    unchanged = sum(taken == YOURS for _, taken in outcomes)
    return [replace(row, measured=f"{row.measured}, yours kept {unchanged} times")]


def meta_noise_rows(claims: Sequence[MetaClaim | None]) -> list[Row]:
    name = "noise, worlds of 300 search trials, meta-predictor better than `steady`"
    return [at_most(name, sum(is_better(claim) for claim in claims), len(claims), 0.05)]


def meta_planted_rows(claims: Sequence[MetaClaim | None]) -> list[Row]:
    name = "high volatility wants fewer leaves, 300 search trials, meta-predictor better than `steady`"
    return [at_least(name, sum(is_better(claim) for claim in claims), len(claims), 0.80)]


def is_better(claim: MetaClaim | None) -> bool:
    """At the first look of its ledger."""
    return claim is not None and claim.is_better(trial_level(1))


def batch_rows(p: Sequence[float]) -> list[Row]:
    return [at_most("noise, batches of 50 candles, p < 0.05", sum(value < 0.05 for value in p), len(p), 0.05)]


def planted_batch_rows(p: Sequence[float]) -> list[Row]:
    name = "planted, Bayes AUC 0.60, batches of 50 candles, p < 0.05"
    return [at_least(name, sum(value < 0.05 for value in p), len(p), 0.80)]


def map_rows(outcomes: Sequence[MapClaim]) -> list[Row]:
    name = "noise, maps of 16 candles x 5 training periods, p < 0.05"
    return [at_most(name, sum(outcome.p_value < 0.05 for outcome in outcomes), len(outcomes), 0.05)]


def equal_rows(outcomes: Sequence[MapClaim]) -> list[Row]:
    name = "planted, Bayes AUC 0.60, maps of equally good rows, one named"
    return [at_most(name, sum(outcome.named is not None for outcome in outcomes), len(outcomes), 0.05)]


def unequal_rows(outcomes: Sequence[MapClaim]) -> list[Row]:
    """Of those that see the edge; another would be a false one."""
    name = "planted, only two years or more see the edge, such a row named"
    hits = sum(outcome.named is not None and outcome.named >= 2 for outcome in outcomes)
    return [at_least(name, hits, len(outcomes), 0.80)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
